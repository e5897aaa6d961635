"""Actions: the digests of a step's outputs, as the index stores them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from graphflow.store.contents import content_id


@dataclass(frozen=True, slots=True)
class Action:
    """The digests of a step's outputs, by their names, and the ids of these contents."""

    outputs: dict[str, str]
    ids: tuple[bytes, ...]

    @classmethod
    def of(cls, outputs: dict[str, str]) -> Action:
        """The action with these digests."""
        return cls(outputs, tuple(map(content_id, outputs.values())))

    def sealed(self, key: bytes) -> bytes:
        """The action of this key as text for the index."""
        return sealed(key, json.dumps(self.outputs).encode())


def action_of(key: Any, text: Any) -> Action | None:
    """The action of a row of the index; None if it is damaged."""
    outputs = unsealed(key, text) if isinstance(key, bytes) else None
    return None if outputs is None else Action.of(json.loads(outputs))


def sealed(key: bytes, text: bytes) -> bytes:
    """A text of the index with a checksum over it and its key, since sqlite has none."""
    return hashlib.sha256(key + b"\n" + text).digest()[:8] + text


def unsealed(key: bytes, text: Any) -> bytes | None:
    """The text that `sealed` was given; None if it is damaged."""
    if isinstance(text, bytes) and text == sealed(key, text[8:]):
        return text[8:]
    return None
