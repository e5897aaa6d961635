"""The graph library: graphs and templates that are installed with graphflow and have a name."""

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
    """The file of a graph, given its path or its name in the library.

    Raises:
        FileProblem: neither exists, or no file can have this name.
    """
    path = path_of(graph)
    if path.exists() and not path.is_dir():
        # If it is not a regular file, reading it says so.
        return path
    library = {**templates(), **graphs()}
    if graph in library:
        return library[graph]
    looks_like_path = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if looks_like_path:
        siblings = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings) if siblings else ""
    else:
        hint = did_you_mean(graph, sorted(library), else_="library graphs")
    raise FileProblem(f"there is no graph {graph}", "file-missing", fix=hint)


def folder() -> Path:
    """The folder in which the library's graphs, templates and pictures are installed."""
    return Path(str(resources.files(PACKAGE)))


def _named(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
