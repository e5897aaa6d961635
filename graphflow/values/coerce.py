"""Converts a Python value to the type of an input, a port or a param."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphflow.errors import InvalidValue
from graphflow.text_helpers.words import counted, with_article
from graphflow.values.any_value import describe
from graphflow.values.raster import Image, Mask
from graphflow.values.types import Atom, ListOf, Type, Union, Variable
from graphflow.values.value_types import CLASSES, value_word

if TYPE_CHECKING:
    from collections.abc import Sequence


def coerce(value: Any, type_: Type) -> Any:
    """The value converted to `type_`: pictures become `Image` or `Mask`, ints floats, lists tuples.

    Raises:
        InvalidValue: it does not have this type and cannot be converted.
    """
    if isinstance(type_, Atom):
        return _coerce_atom(value, type_.word)
    if isinstance(type_, ListOf):
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(coerce(item, type_.item) for item in items)
    members: Sequence[Type] = type_.members if isinstance(type_, Union) else type_.options
    if isinstance(type_, Variable) and not members:
        return value
    for exact in (True, False):
        for member in members:
            if exact and not _is_exactly(value, member):
                continue
            try:
                return coerce(value, member)
            except InvalidValue:
                continue
    raise InvalidValue(f"{describe(value)} is not {with_article(str(type_))}")


def _coerce_atom(value: Any, word: str) -> Any:
    if word == "image":
        return value if type(value) is Image else Image.of(value)
    if word == "mask":
        return value if type(value) is Mask else Mask.of(value)
    accepted = CLASSES.get(word)
    if accepted is None:
        if value_word(value) == word:
            return value
    elif isinstance(value, accepted) and (word == "bool" or not isinstance(value, bool)):
        if word == "string" and not is_text(value):
            raise InvalidValue(NO_TEXT)
        if word == "float":
            try:
                value = float(value)  # type: ignore[arg-type]
            except OverflowError as error:
                raise InvalidValue(f"an int of {counted(len(str(value)), 'digit')} is larger than any float") from error
            if not math.isfinite(value):
                raise InvalidValue("NaN and infinity are not allowed")
        return value
    raise InvalidValue(f"{describe(value)} is not {with_article(word)}")


def _is_exactly(value: Any, type_: Type) -> bool:
    if isinstance(type_, ListOf):
        return isinstance(value, (list, tuple))
    return isinstance(type_, Atom) and value_word(value) == type_.word


NO_TEXT = "it contains bytes that are not UTF-8 text"


def is_text(value: Any) -> bool:
    """Whether a string can be encoded as UTF-8; a shell may pass bytes that are not text."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
