"""The graph library: graphs and templates that are installed with graphflow and have a name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from graphflow.errors import FileProblem
from graphflow.problems import did_you_mean
from graphflow.system.files import is_there
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
    if path.is_dir():
        fix = "name a file in it, such as a YAML file or the run.json of a run"
        raise FileProblem(f"{graph} is a folder, not a graph", "file-missing", fix=fix)
    raise FileProblem(f"there is no graph {graph}", "file-missing", fix=_similar(graph, path, sorted(library)))


def folder() -> Path:
    """The folder in which the library's graphs, templates and pictures are installed."""
    return Path(str(resources.files(PACKAGE)))


def _similar(graph: str, path: Path, library: list[str]) -> str:
    """The file or library graph that may be meant by a name that is neither."""
    if not path.suffix and is_there(named := path.with_suffix(".yaml")):
        return f"did you mean {named}?"
    if not path.suffix and len(path.parts) == 1:
        return did_you_mean(graph, library, else_="library graphs")
    yaml = ("", ".yaml", ".yml")
    endings = yaml if path.suffix in yaml else (path.suffix,)
    files = path.parent.glob("*") if path.parent.is_dir() else ()
    siblings = sorted(file.name for file in files if file.suffix in endings)
    return did_you_mean(path.name, siblings) if siblings else ""


def _named(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
