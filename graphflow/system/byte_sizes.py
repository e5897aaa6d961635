"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

from graphflow.errors import GraphflowError

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TB": 10**12,
    "TIB": 2**40,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*\Z")


def parse_bytes(size: int | str) -> int:
    """Bytes of a size such as `8GiB`, `500 MB` or a plain number.

    Raises:
        GraphflowError: it is none of these.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    match = _SIZE.match(size) if isinstance(size, str) else None
    if match is None or match[2].upper() not in _UNITS:
        raise GraphflowError(f"{size!r} is not a size; write 8GiB, 500MB or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].upper()])
