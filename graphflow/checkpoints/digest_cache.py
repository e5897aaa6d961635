"""Digests that were made once, remembered from process to process, and believed only where they are whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from graphflow.system.files import read_regular, write_atomically

CACHE_VARIABLE = "GRAPHFLOW_CACHE"
"""Environment variable: the folder that remembers digests; by default `graphflow` in the user's cache folder."""

Digests = Mapping[str, tuple[str, ...]]
"""Tensor name → the digest of each tensor that it holds."""

_KIND = "graphflow-digests-1"


def cache_folder() -> Path:
    """Where graphflow remembers what can be found out again."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "graphflow"


def remembered(key: str) -> Digests | None:
    """What `remember` was given under this key; None where that is not there, or is damaged.

    An entry names its key, tells how many tensors it has and carries a checksum. Nothing is kept in memory: an entry
    is small, and what lies on the disk may have changed.
    """
    try:
        first, _, body = read_regular(_place(key)).partition(b"\n")
        kind, count, checksum = first.decode("ascii").split(" ")
        if kind != _KIND or checksum != hashlib.sha256(body).hexdigest():
            return None
        whose, digests = json.loads(body)
        if whose != key or len(digests) != int(count):
            return None
        return {name: tuple(pieces) for name, pieces in digests.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def remember(key: str, digests: Digests) -> None:
    """Keep digests for a later process; a folder that cannot be written to costs time and nothing else."""
    body = json.dumps([key, digests]).encode()
    first = f"{_KIND} {len(digests)} {hashlib.sha256(body).hexdigest()}\n".encode()
    place = _place(key)
    # Whatever goes wrong here, the digests themselves are known.
    with contextlib.suppress(Exception):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, first + body)


def _place(key: str) -> Path:
    return cache_folder() / "weights" / hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
