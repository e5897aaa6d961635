"""What a document says in short where a declaration is needed: `seed: 3` for `seed: {type: int, default: 3}`."""

from __future__ import annotations

import json
import re

from graphflow.document.scalars import read_scalar
from graphflow.document.tree import Scalar, Sequence, Tree, word_of
from graphflow.errors import InvalidValue
from graphflow.values.picture_files import ENDINGS
from graphflow.values.types import parse_type

LONGEST = 60
"""Characters of a value that a fix repeats."""

_PLAIN = re.compile(r"[\w.+/](?:[\w ./+-]*[\w./+])?\Z")


def declaration(value: Tree) -> str:
    """The declaration of an input that somebody wrote as its default, or as its type alone.

    Args:
        value: what stands in the place of the declaration.
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
    """What a value is, in words: `a number` and `a bool` where its text is read as one, else `word_of` it."""
    words = {"int": "a number", "float": "a number", "bool": "a bool"}
    return words.get(_type(value), word_of(value)) if isinstance(value, Scalar) else word_of(value)


def _type(scalar: Scalar) -> str:
    """The type that a value looks like; what looks like none is text."""
    for word in ("int", "float", "bool"):
        try:
            read_scalar(scalar, word)
        except InvalidValue:
            continue
        return word
    return "image" if scalar.text.lower().endswith(ENDINGS) else "string"


def flow_text(text: str) -> str:
    """Text as it may stand in a YAML flow map: in quotes where it has to; `…` where it is long."""
    if len(text) > LONGEST:
        return "…"
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)
