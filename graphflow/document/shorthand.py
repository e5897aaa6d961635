"""Suggestions for values that stand in the place of a declaration: `seed: 3` means `seed: {type: int, default: 3}`."""

from __future__ import annotations

import json
import re

from graphflow.document.scalars import read_scalar
from graphflow.document.tree import Scalar, Sequence, Tree, word_of
from graphflow.errors import InvalidValue
from graphflow.values.picture_files import ENDINGS
from graphflow.values.types import parse_type

LONGEST = 60
"""A fix repeats values of up to this many characters."""

_PLAIN = re.compile(r"[\w.+/](?:[\w ./+-]*[\w./+])?\Z")


def declaration(value: Tree) -> str:
    """The declaration of an input for which only its default or its type was written.

    Args:
        value: the value that stands in the place of the declaration.
    """
    if isinstance(value, Scalar):
        try:
            return f"{{type: {parse_type(value.text)}}}"
        except ValueError:
            return f"{{type: {_type(value)}, default: {flow_text(value.text)}}}"
    items = value.items if isinstance(value, Sequence) else ()
    if not items or not all(isinstance(item, Scalar) for item in items):
        return "{type: string}"
    types = {_type(item) for item in items if isinstance(item, Scalar)}
    type_ = types.pop() if len(types) == 1 else "float" if types == {"int", "float"} else "string"
    listed = f"[{', '.join(flow_text(item.text) for item in items if isinstance(item, Scalar))}]"
    return f"{{type: list of {type_}, default: {listed if len(listed) <= LONGEST else '[…]'}}}"


def looks_like(value: Tree) -> str:
    """A value in words: `a number` or `a bool` if its text can be read as one, else its `word_of`."""
    words = {"int": "a number", "float": "a number", "bool": "a bool"}
    return words.get(_type(value), word_of(value)) if isinstance(value, Scalar) else word_of(value)


def _type(scalar: Scalar) -> str:
    """The type that a scalar looks like; `string` if it looks like no other."""
    for word in ("int", "float", "bool"):
        try:
            read_scalar(scalar, word)
        except InvalidValue:
            continue
        return word
    return "image" if scalar.text.lower().endswith(ENDINGS) else "string"


def flow_text(text: str) -> str:
    """Text for a YAML flow map: in quotes if it needs them; `…` if it is long."""
    if len(text) > LONGEST:
        return "…"
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)
