"""Expressions: values of a document once the types of their keys are known, each with a type and a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from graphflow.problems import NOWHERE, Place
from graphflow.values.types import STRING, Type


class Const(NamedTuple):
    """A value that is written out."""

    value: Any
    type: Type
    place: Place


class FromInput(NamedTuple):
    """The value of an input, or an item of it; `target` is the type that its key declares."""

    name: str
    item: int | None
    type: Type | None
    place: Place


class FromNode(NamedTuple):
    """An output of a node, or an item of it."""

    node: str
    port: str | None
    item: int | None
    type: Type | None
    place: Place


class Text(NamedTuple):
    """Text with references; `target` is the type as which the finished text is read."""

    parts: tuple[str | FromInput | FromNode, ...]
    target: Type
    place: Place
    type: Type = STRING


class Items(NamedTuple):
    """A literal list; items that are lists themselves are spliced."""

    items: tuple[Expr, ...]
    type: Type
    place: Place


class Broken(NamedTuple):
    """A value whose problem was already reported; it fits everything, so that no other problem follows."""

    place: Place = NOWHERE
    type: None = None


Expr: TypeAlias = Const | FromInput | FromNode | Text | Items | Broken


def references(expr: Expr) -> Sequence[FromInput | FromNode]:
    """Every reference inside an expression."""
    if isinstance(expr, (FromInput, FromNode)):
        return (expr,)
    if isinstance(expr, Text):
        return [part for part in expr.parts if not isinstance(part, str)]
    if isinstance(expr, Items):
        return [reference for item in expr.items for reference in references(item)]
    return ()
