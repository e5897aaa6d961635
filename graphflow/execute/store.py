"""Stores keep results for later runs: an index from recipe keys to digests, and contents by digest.

A store may lose contents at any time; a run that needs them makes them again. The engine's own store, in memory,
implements the same interface as any other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from graphflow.values.any_value import bytes_of


class Gone:
    """The type of `GONE`, which `Store.content` returns if the store no longer has the content."""


GONE = Gone()


class Store(Protocol):
    """An action index and a content store."""

    def lookup(self, key: str) -> Mapping[str, str] | None:
        """Output name → digest of the recipe `key`; None if the recipe is not known."""

    def content(self, digest: str) -> Any:
        """The value with this digest; `GONE` if the store does not have it."""

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]]) -> None:
        """Keep the (digest, value) of each output of the recipe `key`."""


class MemoryStore:
    """Keeps values in memory, the most recently used ones up to a number of bytes.

    Engines in several threads may share one.

    Args:
        limit: most bytes of contents; those least recently used are evicted first.
        most: most recipes in the index, each well below 1 KiB; those least recently used are evicted first.
    """

    def __init__(self, limit: int = 2**30, most: int = 2**16) -> None:
        self.limit = limit
        self.most = most
        self._lock = threading.Lock()
        self._actions: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._contents: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._held = 0

    def lookup(self, key: str) -> Mapping[str, str] | None:
        with self._lock:
            outputs = self._actions.get(key)
            if outputs is None:
                return None
            self._actions.move_to_end(key)
            return dict(outputs)

    def content(self, digest: str) -> Any:
        with self._lock:
            entry = self._contents.get(digest)
            if entry is None:
                return GONE
            self._contents.move_to_end(digest)
            return entry[0]

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]]) -> None:
        sized = {digest: (value, bytes_of(value)) for digest, value in outputs.values()}
        with self._lock:
            known = self._actions.setdefault(key, {})
            known.update({name: digest for name, (digest, _) in outputs.items()})
            self._actions.move_to_end(key)
            for digest, (value, size) in sized.items():
                if digest not in self._contents:
                    self._contents[digest] = (value, size)
                    self._held += size
                self._contents.move_to_end(digest)
            self._shrink()

    def _shrink(self) -> None:
        while len(self._actions) > self.most:
            self._actions.popitem(last=False)
        while self._held > self.limit and self._contents:
            _, (_, size) = self._contents.popitem(last=False)
            self._held -= size

    def clear(self) -> None:
        """Remove all recipes and contents."""
        with self._lock:
            self._actions.clear()
            self._contents.clear()
            self._held = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the contents that are held."""
        return self._held

    @property
    def recipes(self) -> int:
        """Number of recipes in the index."""
        return len(self._actions)
