"""Handles stand for values of a run while a graph is built in Python; they are written into documents as references."""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphflow.document.scalars import write_scalar
from graphflow.document.text import Reference, escape, write_text, written
from graphflow.document.tree import Entry, Scalar, Tree
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.tree import Sequence as ListTree
from graphflow.errors import GraphflowError, InvalidGraph, UnknownOutput
from graphflow.problems import Problem, did_you_mean
from graphflow.values.any_value import describe

_SHOWN = re.compile(r"<(?:Node)?Handle \$")
"""A handle that was converted to text by `str()`."""


class Handle:
    """Stands for a value that will exist in a run: an input, a node's output, or an item of one.

    It can be printed, but not formatted; use `gf.text("a photo of {}", handle)` for text that contains the value.
    """

    __slots__ = ("_graph", "_reference")

    def __init__(self, graph: object, reference: Reference) -> None:
        self._graph, self._reference = graph, reference

    def __getitem__(self, item: Any) -> Handle:
        """One item of a list, counted from 0."""
        if type(item) is not int or item < 0:
            raise GraphflowError(f"{self!r}[{item!r}]: an item is counted from 0")
        return Handle(self._graph, self._reference._replace(item=item))

    def __iter__(self) -> Any:
        raise GraphflowError(f"{self!r} has no items before the run; give the handle itself to a list port or for_each")

    def __bool__(self) -> bool:
        raise GraphflowError(f"{self!r} has no value before the run; use when= or a switch")

    def __format__(self, spec: str) -> str:
        raise GraphflowError(f'{self!r} has no text before the run; write gf.text("… {{}} …", handle)')

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {written(self._reference)}>"


class NodeHandle(Handle):
    """A node: it stands for its first output, and has all outputs as attributes."""

    __slots__ = ("_outputs",)

    def __init__(self, graph: object, reference: Reference, outputs: Callable[[str], list[str] | None]) -> None:
        super().__init__(graph, reference)
        self._outputs = outputs

    def __getattr__(self, name: str) -> Handle:
        if name.startswith("_"):
            raise AttributeError(name)
        known = self._outputs(self._reference.name)
        if known is not None and name not in known:
            fix = did_you_mean(name, known, else_="its outputs are")
            raise UnknownOutput(f"{self._reference.name} has no output {name}; {fix}")
        return Handle(self._graph, Reference(self._reference.name, name))


@dataclasses.dataclass(frozen=True)
class Text:
    """Text that contains handles, as returned by `text`."""

    pieces: tuple[str | Handle, ...]


def text(template: str, *values: Handle | str | int | float, **named: Handle | str | int | float) -> Text:
    """Text with values inserted in the style of `str.format`: `text("a photo of {}", prompt)`.

    Raises:
        GraphflowError: a placeholder has no value or has a format, or a value has no placeholder.
    """
    pieces: list[str | Handle] = []
    used: set[str | int] = set()
    if not isinstance(template, str):
        raise GraphflowError(f"text() makes text of a template such as 'a photo of {{}}', not of {describe(template)}")
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise GraphflowError(f"text() cannot read {template!r}: {error}; write {{{{ for a brace") from error
    for plain, name, spec, conversion in parsed:
        pieces.append(plain)
        if name is None:
            continue
        if spec or conversion:
            raise GraphflowError(f"{{{name}}} of text() takes no format: floats are written by repr")
        key: str | int = (
            len([u for u in used if isinstance(u, int)]) if name == "" else int(name) if name.isdigit() else name
        )
        if (isinstance(key, int) and key >= len(values)) or (isinstance(key, str) and key not in named):
            raise GraphflowError(f"text() has no value for {{{name}}}")
        used.add(key)
        value = values[key] if isinstance(key, int) else named[key]
        if not isinstance(value, (Handle, str, int, float)):
            raise GraphflowError(f"text() cannot hold {describe(value)}: give a handle, a string or a number")
        pieces.append(value if isinstance(value, Handle) else write_scalar(value))
    unused = [*range(len(values)), *named]
    if left := [key for key in unused if key not in used]:
        raise GraphflowError(f"text() has no place for value {left[0]}")
    return Text(tuple(pieces))


def tree_of(value: Any, graph: object) -> Tree:
    """Convert a Python value to a tree of a document: handles become references, strings are literal.

    Args:
        value: a handle, a `Text`, a plain value, or a list or map of those.
        graph: the graph to which handles must belong.

    Raises:
        InvalidGraph: the value cannot be written into a document.
    """
    if isinstance(value, Handle):
        if value._graph is not graph:
            fix = "use handles of this graph, or a template"
            raise refused("unknown-name", f"{value!r} belongs to another graph", fix)
        return Scalar(written(value._reference), kind=None)
    if isinstance(value, Text):
        return Scalar(_text_of(value, graph))
    if isinstance(value, (str, Path)):
        return Scalar(escape(_without_handles(str(value))), kind=str, folder=Path.cwd())
    if isinstance(value, (bool, int, float)):
        return Scalar(write_scalar(value), kind=type(value))
    if isinstance(value, (list, tuple)):
        return ListTree(tuple(tree_of(item, graph) for item in value))
    if isinstance(value, Mapping):
        return MapTree({str(key): Entry(tree_of(item, graph)) for key, item in value.items()})
    fix = "declare an input with g.input(…) and pass it to run(inputs={…})"
    raise refused("wrong-shape", f"{describe(value)} cannot be written into a graph", fix)


def plain_tree_of(value: Any, graph: object) -> Tree:
    """Convert a plain value to a tree for the default of an input, in which a dollar has no special meaning.

    Raises:
        InvalidGraph: the value cannot be written into a document, or contains handles.
    """
    if isinstance(value, (Handle, Text)):
        fix = "write a plain value; nothing exists yet that a default could be made of"
        raise refused("wrong-shape", f"a default cannot be {describe(value)}", fix)
    if isinstance(value, (list, tuple)):
        return ListTree(tuple(plain_tree_of(item, graph) for item in value))
    return plain_scalar(value) if isinstance(value, (str, Path)) else tree_of(value, graph)


def plain_scalar(value: str | Path) -> Scalar:
    """A scalar in which a dollar has no special meaning; a path in it is relative to the current folder."""
    return Scalar(str(value), kind=str, folder=Path.cwd())


def refused(code: str, message: str, fix: str) -> InvalidGraph:
    """The error that refuses a call, with a single problem."""
    return InvalidGraph([Problem(code, message, "", fix)])


def _text_of(value: Text, graph: object) -> str:
    for piece in value.pieces:
        if isinstance(piece, Handle):
            tree_of(piece, graph)
        else:
            _without_handles(piece)
    return write_text(piece if isinstance(piece, str) else piece._reference for piece in value.pieces)


def _without_handles(text: str) -> str:
    """The text; it is refused if it contains the name of a handle, made by `str()`, instead of its value."""
    if _SHOWN.search(text):
        fix = 'write gf.text("… {} …", handle)'
        raise refused("bad-value", f"{text!r} holds a handle's name instead of its value", fix)
    return text
