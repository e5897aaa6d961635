"""Values of inputs: written defaults, limits, and values of the call."""

from __future__ import annotations

from typing import Any

from graphflow.check.literals import Literals, Picture
from graphflow.document.model import Document, InputDecl
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import read_scalar, write_scalar
from graphflow.document.tree import Scalar, Sequence, Tree, word_of
from graphflow.errors import InvalidValue
from graphflow.problems import Problem
from graphflow.text_helpers.words import with_article
from graphflow.values.coerce import coerce
from graphflow.values.types import SCALARS, ListOf, Type, item_of, member_for


def input_value(tree: Tree, decl: InputDecl, document: Document, literals: Literals, problems: list[Problem]) -> object:
    """The Python value of an input as written; None after a problem, such as a declaration without a type."""
    if decl.type is None:
        return None
    if isinstance(tree, Scalar) and tree.empty:
        return None
    if isinstance(tree, Sequence) and isinstance(decl.type, ListOf):
        values = [_written(item, decl.type.item, decl, document, literals, problems) for item in tree.items]
        return None if any(value is None for value in values) else tuple(values)
    return _written(tree, decl.type, decl, document, literals, problems)


def _written(
    tree: Tree, type_: Type, decl: InputDecl, document: Document, literals: Literals, problems: list[Problem]
) -> object:
    if not isinstance(tree, Scalar):
        message = f"the input {decl.name} must be {with_article(str(type_))}, not {word_of(tree)}"
        problems.append(Problem("wrong-shape", message, "", "write one value", tree.place))
        return None
    try:
        # A value of an input cannot reference anything, so a dollar is a plain one.
        return literals.read(tree, tree.text, type_, document)
    except Refusal as refusal:
        problems += refusal.problems(tree.place, about=f"the input {decl.name}")
        return None


def outside_limits(decl: InputDecl, value: object) -> Refusal | None:
    """A refusal if a number (or an item of a list) is below `min` or above `max` of its input."""
    low, high = _number(decl.minimum), _number(decl.maximum)
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        message = f"the input {decl.name} cannot be {number}"
        if low is not None and number < low:
            return Refusal("bad-value", message, "", f"give at least {write_scalar(low)}")
        if high is not None and number > high:
            return Refusal("bad-value", message, "", f"give at most {write_scalar(high)}")
    return None


def _number(limit: Scalar | None) -> int | float | None:
    """A limit as a number; None if it is not given or not valid (a problem says so)."""
    for word in ("int", "float"):
        try:
            return None if limit is None else read_scalar(limit, word)
        except InvalidValue:
            continue
    return None


def default_value(decl: InputDecl, document: Document, literals: Literals, problems: list[Problem]) -> Any:
    """The default of an input; None if it has none or a wrong one.

    Scalars are checked when their document is resolved, so only what is wrong with files is reported here.
    """
    if decl.default is None or decl.type is None:
        return None
    wrong: list[Problem] = []
    value = input_value(decl.default, decl, document, literals, wrong)
    if member_for(item_of(decl.type), SCALARS) is None:
        problems += wrong
    return None if value is None or outside_limits(decl, value) is not None else coerced(value, decl.type)


def coerced(value: Any, type_: Type) -> Any:
    """A literal as its type has it (ints become floats); files and checkpoints stay as they are."""
    if isinstance(value, Picture) or (isinstance(value, tuple) and any(isinstance(item, Picture) for item in value)):
        return value
    try:
        return coerce(value, type_)
    except InvalidValue:
        return value
