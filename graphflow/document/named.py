"""Documents by the name that a call gives: a file's path, or the name of a graph of the library."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from graphflow import library
from graphflow.document.model import Document
from graphflow.document.parse import read_file
from graphflow.problems import Problem


class Parsed(NamedTuple):
    """A file's document, None if it is not one, and what is wrong with it."""

    path: Path
    document: Document | None
    problems: list[Problem]


def read_named(graph: str | Path) -> Parsed:
    """Parse the document that a call names; messages call it so, too.

    Raises:
        FileProblem: there is none, or it cannot be read.
    """
    path = library.locate(str(graph))
    return Parsed(path, *read_file(path, shown=str(graph) if Path(graph) == path else str(path)))
