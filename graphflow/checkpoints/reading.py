"""Reading a checkpoint's files: the one place where errors become refusals that name the file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphflow.checkpoints.safetensors_header import Tensors, read_tensors
from graphflow.document.refusal import Refusal
from graphflow.system.files import once_a_file, read_only, read_regular

_AGAIN = "get the file again; it may have been cut off on its way"


@contextlib.contextmanager
def reading(
    path: Path, told: str = "cannot be read", fix: str = "get the file again", *, shown: str = ""
) -> Iterator[None]:
    """Turn any error while reading a file into a refusal that names the file and the reason.

    Args:
        path: of the file.
        told: what is wrong, to follow the file's name.
        fix: what to do.
        shown: how messages name the file; if empty, by its folder and name.

    Raises:
        Refusal: what is done here failed.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        named = shown or f"{path.parent.name}/{path.name}"
        raise Refusal("checkpoint-broken", f"{named} {told}", _why(error), fix) from error


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text: {error.reason} at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error}"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return f"{error}" if isinstance(error, ValueError) else f"it holds something other than what it should ({error})"


def read_header(path: Path) -> Tensors:
    """The header of a safetensors file.

    Raises:
        Refusal: the file is cut off or is no safetensors file.
    """
    with reading(path, "is not a complete safetensors file", _AGAIN, shown=path.name):
        return read_tensors(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, shared by all who read it: it cannot be changed.

    Raises:
        Refusal: the file cannot be read, or holds something else.
    """
    with reading(path):
        value: dict[str, Any] = _json(path)
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
        return value


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        Refusal: the file cannot be read, or is no UTF-8.
    """
    with reading(path):
        return read_regular(path).decode("utf-8")


@once_a_file
def _json(path: Path) -> Any:
    return read_only(json.loads(read_regular(path).decode("utf-8")))
