"""Scalars by declared type: only the YAML 1.2 core forms of int, float and bool.

Source of the forms: YAML 1.2.2, section 10.3.2 (core schema). NaN and infinity are not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from graphflow.document.tree import Scalar
from graphflow.errors import InvalidValue
from graphflow.text_helpers.words import counted, with_article

_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_BOOLS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_PYTHON = {"int": (int,), "float": (int, float), "bool": (bool,)}


def read_scalar(scalar: Scalar, word: str) -> Any:
    """The Python value of a scalar whose key declares the type `word` (string, int, float or bool).

    Raises:
        InvalidValue: it is not of that type; the message quotes it.
    """
    if word == "string":
        if scalar.kind is not None and scalar.kind is not str:
            raise InvalidValue(f"{scalar.text} is a Python {scalar.kind.__name__}, not text")
        return scalar.text
    if scalar.kind is not None and (scalar.kind not in _PYTHON[word]):
        raise InvalidValue(f"{scalar.text!r} is a Python {scalar.kind.__name__}, not {with_article(word)}")
    return _READERS[word](scalar.text)


def _read_int(text: str) -> int:
    if not _INT.match(text):
        whole = " (a float is not converted to an int)" if _FLOAT.match(text) else ""
        raise InvalidValue(f"{text!r} is not an int{whole}")
    if len(text) > 100:
        raise InvalidValue(f"an int of {counted(len(text), 'digit')} is too long")
    return int(text[2:], {"o": 8, "x": 16}[text[1]]) if text[:2] in ("0o", "0x") else int(text)


def _read_float(text: str) -> float:
    if _NOT_FINITE.match(text):
        raise InvalidValue(f"{text} is not a finite number")
    if _FLOAT.match(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise InvalidValue(f"{text} is larger than any float")
        return value
    if _INT.match(text):
        return float(_read_int(text))
    raise InvalidValue(f"{text!r} is not a float")


def _read_bool(text: str) -> bool:
    if text in _BOOLS:
        return _BOOLS[text]
    raise InvalidValue(f"{text!r} is not a bool")


_READERS: dict[str, Callable[[str], Any]] = {"int": _read_int, "float": _read_float, "bool": _read_bool}


def hint(text: str, word: str) -> str:
    """The fix for a `text` that is not of the type `word`."""
    if word == "bool":
        return f"write {_OLD_BOOLS.get(text.lower(), 'true or false')}"
    if word == "int":
        return "write a whole number such as 12"
    return "write a number such as 0.5 or 1e-3" if word == "float" else "write text"


def write_scalar(value: str | int | float | bool) -> str:
    """The text that `read_scalar` reads as `value`; floats by `repr`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def shown(value: object) -> str:
    """A value as messages show it: as in a document, but strings always in quotes."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]"
    return write_scalar(value) if isinstance(value, (bool, int, float)) else repr(value)
