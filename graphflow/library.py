"""The graph library: graphs and templates that come with graphflow, known by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from graphflow.errors import FileProblem
from graphflow.problems import did_you_mean
from graphflow.system.paths import path_of

PACKAGE = "graphflow_graphs"


def graphs() -> dict[str, Path]:
    """Name → file of every library graph."""
    return _named(folder())


def templates() -> dict[str, Path]:
    """Name → file of every library template."""
    return _named(folder() / "templates")


def locate(graph: str) -> Path:
    """The file of a graph that is named by its path or its name in the library.

    Raises:
        FileProblem: there is neither, or no file can have this name.
    """
    path = path_of(graph)
    if path.exists() and not path.is_dir():
        # Reading it tells what it is where it is no file.
        return path
    library = {**templates(), **graphs()}
    if graph in library:
        return library[graph]
    looks_like_path = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if looks_like_path:
        there = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = did_you_mean(path.name, there) if there else ""
    else:
        hint = did_you_mean(graph, sorted(library), else_="library graphs")
    raise FileProblem(f"there is no graph {graph}", "file-missing", fix=hint)


def folder() -> Path:
    """Where the library's graphs, templates and pictures are installed."""
    return Path(str(resources.files(PACKAGE)))


def _named(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
