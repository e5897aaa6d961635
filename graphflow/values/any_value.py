"""Any value on an edge, whatever its class: its description in messages, its digest, its size in memory."""

from __future__ import annotations

import hashlib
from typing import Any


def describe(value: Any) -> str:
    """A value in a few words, for messages."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "…")
    if value is None or isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"


def digest_of(value: Any) -> str:
    """A digest of any value that travels on an edge: equal values have equal digests, in any process."""
    if isinstance(value, tuple):
        return hashlib.sha256(("list " + " ".join(map(digest_of, value))).encode()).hexdigest()
    known = getattr(value, "digest", None)
    if known is not None:
        return str(known)
    return hashlib.sha256(f"{type(value).__name__} {value!r}".encode()).hexdigest()


def bytes_of(value: Any) -> int:
    """About how many bytes of memory a value takes."""
    if isinstance(value, tuple):
        return sum(map(bytes_of, value))
    size = getattr(value, "nbytes", None)
    return int(size) if size is not None else 64 + (len(value) if isinstance(value, str) else 0)
