"""Read files of a checkpoint; errors are converted to refusals that name the file."""

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
    path: Path, fault: str = "cannot be read", fix: str = "get the file again", *, shown: str = ""
) -> Iterator[None]:
    """Convert errors in the body of the `with` statement to a refusal that names the file and the reason.

    Args:
        path: path of the file.
        fault: what is wrong with the file; it follows the file's name in the message.
        fix: how to correct it.
        shown: name of the file in messages; by default its folder and name.

    Raises:
        Refusal: the body raised an error.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        named = shown or f"{path.parent.name}/{path.name}"
        raise Refusal("checkpoint-broken", f"{named} {fault}", _why(error), fix) from error


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
    """Read the header of a safetensors file.

    Raises:
        Refusal: the file is truncated, or is not a safetensors file.
    """
    with reading(path, "is not a complete safetensors file", _AGAIN, shown=path.name):
        return read_tensors(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; it is shared by all callers, so it is read-only.

    Raises:
        Refusal: the file cannot be read, or does not contain a JSON object.
    """
    with reading(path):
        value: dict[str, Any] = _json(path)
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
        return value


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        Refusal: the file cannot be read, or is not UTF-8.
    """
    with reading(path):
        return read_regular(path).decode("utf-8")


@once_a_file
def _json(path: Path) -> Any:
    return read_only(json.loads(read_regular(path).decode("utf-8")))
