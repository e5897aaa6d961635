"""A cache of digests on disk, so that later processes need not read the weights again; damaged entries are ignored."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from graphflow.system.cache_folder import cache_folder
from graphflow.system.files import read_regular, write_atomically

Digests = Mapping[str, tuple[str, ...]]
"""Name of a tensor of a file → the digest of each tensor of a component that it contains."""

_KIND = "graphflow-digests-1"


def remembered(key: str) -> Digests | None:
    """The digests that were stored by `remember` with this key; None if there are none, or the entry is damaged.

    An entry contains its key, the number of its tensors and a checksum. Entries are not kept in memory: they are small,
    and the files on disk may have changed.
    """
    try:
        first, _, body = read_regular(_place(key)).partition(b"\n")
        kind, count, checksum = first.decode("ascii").split(" ")
        if kind != _KIND or checksum != hashlib.sha256(body).hexdigest():
            return None
        own_key, digests = json.loads(body)
        if own_key != key or len(digests) != int(count):
            return None
        return {name: tuple(pieces) for name, pieces in digests.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def remember(key: str, digests: Digests) -> None:
    """Store digests for later processes; if this fails, they are computed again."""
    body = json.dumps([key, digests]).encode()
    first = f"{_KIND} {len(digests)} {hashlib.sha256(body).hexdigest()}\n".encode()
    place = _place(key)
    # An error here is not a problem, since the caller already has the digests.
    with contextlib.suppress(Exception):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, first + body)


def _place(key: str) -> Path:
    return cache_folder() / "weights" / hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
