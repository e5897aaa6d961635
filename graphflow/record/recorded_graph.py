"""Graphs read from what a run wrote: its pictures and run.json hold the document, its inputs and its seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow import library
from graphflow.check.seeds import SEED
from graphflow.document.foreign import is_recorded
from graphflow.document.model import Document, InputDecl
from graphflow.document.named import Parsed, read_named
from graphflow.document.parse import parse
from graphflow.document.scalars import read_scalar, write_scalar
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.errors import FileProblem, InvalidValue
from graphflow.limits import DOCUMENT_BYTES
from graphflow.problems import Place, Problem
from graphflow.record.home_paths import from_home
from graphflow.system.files import is_folder, read_start
from graphflow.values.picture_files import format_of
from graphflow.values.types import INT

if TYPE_CHECKING:
    from graphflow.record.run_record import RunRecord


def read_graph(graph: str | Path) -> Parsed:
    """Parse the graph that a call names: a document, a library graph, or a file that a run wrote.

    Raises:
        FileProblem: there is none, or it cannot be read.
    """
    return read_recorded(graph) or read_named(graph)


def read_recorded(graph: str | Path) -> Parsed | None:
    """The graph of a picture or run.json that a run wrote; None if the file is something else.

    The values of the run's inputs are the defaults. If the run had a seed, it is the default of an input `seed`, which
    is added to a graph without one. Paths start at the folder of the run's document, or if that does not exist, at
    that of the file.

    Raises:
        FileProblem: the file does not exist, or its record cannot be read.
    """
    path = library.locate(str(graph))
    if not is_recorded_file(path):
        return None
    from graphflow.record.run_record import RunRecord

    record = RunRecord.load(path)
    folder = from_home(record.document.folder)
    beside = path.absolute().parent
    document, problems = parse(record.document.text, str(graph), folder if is_folder(folder) else beside)
    if document is None:
        return Parsed(path, None, problems)
    inputs = {name: _with_value(decl, record, document, beside) for name, decl in document.inputs.items()}
    document, found = _with_seed(dataclasses.replace(document, inputs=inputs), record)
    return Parsed(path, document, [*problems, *found])


def is_recorded_file(path: Path) -> bool:
    """Whether a run wrote this file and its record into it: a picture or a run.json."""
    content = read_start(path, DOCUMENT_BYTES)
    if format_of(content[:16]) not in ("JPEG", "WebP"):
        return is_recorded(path, content)
    from graphflow.record.exif_pictures import read_comment

    try:
        return read_comment(path) is not None
    except FileProblem:
        return False


def _with_value(decl: InputDecl, record: RunRecord, document: Document, beside: Path) -> InputDecl:
    """The input with the value of the run as its default; without a default if the record does not hold the value."""
    value = record.inputs.get(decl.name)
    if value is None or _is_written(decl.default, value, document):
        return decl
    return dataclasses.replace(decl, default=value_tree(value, decl.place, lambda path: _present(path, beside)))


def _is_written(default: Tree | None, value: Any, document: Document) -> bool:
    """Whether a default means the value as it is written."""
    if isinstance(default, Sequence) and isinstance(value, list) and len(value) == len(default.items):
        return all(_is_written(item, one, document) for item, one in zip(default.items, value, strict=True))
    if not isinstance(default, Scalar):
        return False
    if isinstance(value, dict):
        named = value.get("path") if value.get("kind") == "file" else value.get("name")
        return named == default.text or from_home(str(named)) == document.folder.absolute() / default.text
    try:
        return bool(read_scalar(default, {str: "string"}.get(type(value), type(value).__name__)) == value)
    except (InvalidValue, KeyError):
        return False


def value_tree(value: Any, place: Place, present: Callable[[str], str] = str) -> Tree | None:
    """A recorded value as a document writes it; None if the record has only its digest.

    Args:
        value: as in the record.
        place: of the tree.
        present: returns the path of a file, given its recorded path.
    """
    if isinstance(value, (bool, int, float, str)):
        return Scalar(write_scalar(value), place, kind=type(value))
    if isinstance(value, list):
        items = [value_tree(item, place, present) for item in value]
        return None if None in items else Sequence(tuple(item for item in items if item is not None), place)
    if not isinstance(value, dict):
        return None
    if value.get("kind") == "file":
        return Scalar(present(str(value.get("path", ""))), place, kind=str)
    if value.get("kind") == "checkpoint":
        return Scalar(_checkpoint(str(value.get("name", "")), str(value.get("path", ""))), place, kind=str)
    return None


def _present(recorded: str, beside: Path) -> str:
    """The path of a file; if it is not where it was, that of one with its name beside the picture."""
    other = beside / Path(recorded).name
    return str(other) if not from_home(recorded).exists() and other.exists() else recorded


def _checkpoint(name: str, path: str) -> str:
    """The name of a checkpoint, or its path if the name is one."""
    relative = name.startswith((".", "/", "~")) or path.endswith(f"/{name}")
    return path if path and relative and not name.startswith("embedded/") else name


def _with_seed(document: Document, record: RunRecord) -> tuple[Document, list[Problem]]:
    """The document whose run has the recorded seed without being given one, or a warning that it cannot have it."""
    decl = document.inputs.get(SEED)
    if decl is not None and decl.type == INT and record.inputs.get(SEED) == record.seed:
        return document, []
    if decl is None and SEED not in document.nodes:
        seed = InputDecl(SEED, INT, default=Scalar(str(record.seed), kind=int), description="The seed of the run.")
        return (
            dataclasses.replace(document, inputs={**document.inputs, SEED: seed}) if record.seed else document,
            [],
        )
    if not record.seed and (decl is None or decl.type != INT):
        return document, []
    fix = f"add --seed {record.seed}"
    if decl is not None and decl.type == INT:
        fix += f" --set {SEED}={record.inputs.get(SEED)}"
    message = f"the run had the seed {record.seed}, which this graph cannot contain"
    why = f"{SEED} is the name of something else in it"
    return document, [Problem("no-effect", message, why, fix, Place(document.file))]
