"""Values of a graph's inputs: those of the call, or their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphflow.check.input_values import coerced, default_value, input_value, outside_limits
from graphflow.check.literals import Literals
from graphflow.check.sources import UNKNOWN_SOURCE, NodeSource
from graphflow.document.model import Document, InputDecl
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.tree import Scalar, Sequence
from graphflow.errors import InvalidValue
from graphflow.problems import NOWHERE, Place, Problem, did_you_mean
from graphflow.values.any_value import describe
from graphflow.values.coerce import coerce
from graphflow.values.sources import Value
from graphflow.values.types import PICTURES, ListOf, Type, member_for


def input_sources(
    document: Document, given: Mapping[str, Any], literals: Literals, problems: list[Problem], *, complete: bool
) -> dict[str, NodeSource]:
    """The value of each input of a document.

    Args:
        document: the document with the inputs.
        given: input name → a Python value, or a `Tree`.
        literals: reads literal values.
        problems: gets the problems of the values.
        complete: whether an input without default and value is a problem.
    """
    for name, value in given.items():
        if name not in document.inputs:
            place = value.place if isinstance(value, (Scalar, Sequence)) else NOWHERE
            fix = did_you_mean(name, list(document.inputs), else_="its inputs are")
            problems.append(Problem("unknown-input", f"the graph has no input {name}", "", fix, place))
    sources: dict[str, NodeSource] = {}
    for name, decl in document.inputs.items():
        sources[name] = UNKNOWN_SOURCE
        if decl.type is None:
            # A problem of its declaration says so.
            continue
        if name in given:
            sources[name] = _given(given[name], decl, decl.type, document, literals, problems)
        elif decl.default is not None:
            value = default_value(decl, document, literals, problems)
            sources[name] = UNKNOWN_SOURCE if value is None else Value(value)
        elif complete:
            why = f"its type is {decl.type}, and it has no default"
            fix = f"give it: --set {name}=…, or inputs={{{name!r}: …}} in Python"
            problems.append(Problem("input-missing", f"the input {name} has no value", why, fix, decl.place))
    return sources


def _given(
    value: Any, decl: InputDecl, type_: Type, document: Document, literals: Literals, problems: list[Problem]
) -> NodeSource:
    place = Place(f"input {decl.name}")
    if isinstance(value, (Scalar, Sequence, MapTree)):
        before = len(problems)
        place = value.place
        read = input_value(value, decl, document, literals, problems)
        if len(problems) > before:
            return UNKNOWN_SOURCE
        read = coerced(read, type_)
    else:
        try:
            read = _from_python(value, type_, document, literals)
        except InvalidValue as error:
            message = f"the input {decl.name} cannot take {describe(value)}"
            problems.append(Problem("bad-value", message, str(error), f"give {type_}", place))
            return UNKNOWN_SOURCE
    refusal = outside_limits(decl, read)
    if refusal is not None:
        problems.append(refusal.at(place))
        return UNKNOWN_SOURCE
    return Value(read)


def _from_python(value: Any, type_: Type, document: Document, literals: Literals) -> Any:
    """A Python value converted to an input's type; names of files are relative to the current folder.

    Raises:
        InvalidValue: it has another type.
    """
    if isinstance(type_, ListOf):
        if isinstance(value, (str, Path)) and member_for(type_.item, (*PICTURES, "file")):
            return _named_file(value, type_, document, literals)
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(_from_python(item, type_.item, document, literals) for item in items)
    if isinstance(value, (str, Path)) and member_for(type_, (*PICTURES, "file", "checkpoint")):
        return _named_file(value, type_, document, literals)
    return coerce(value, type_)


def _named_file(value: str | Path, type_: Type, document: Document, literals: Literals) -> Any:
    scalar = Scalar(str(value), folder=Path.cwd())
    try:
        return literals.read(scalar, scalar.text, type_, document)
    except Refusal as refusal:
        raise InvalidValue(refusal.message) from refusal
