"""A store in memory, which an engine uses if it is given no other."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from graphflow.store.store import GONE
from graphflow.values.any_value import bytes_of


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
        self._recipes: dict[str, str] = {}
        self._uses: dict[str, int] = {}
        self._facts: dict[str, str] = {}
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

    def has(self, digest: str) -> bool:
        return digest in self._contents

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]], recipe: str = "") -> None:
        sized = {digest: (value, bytes_of(value)) for digest, value in outputs.values()}
        with self._lock:
            known = self._actions.setdefault(key, {})
            known.update({name: digest for name, (digest, _) in outputs.items()})
            self._actions.move_to_end(key)
            if recipe and key not in self._recipes:
                self._recipes[key] = recipe
                self._uses[recipe] = self._uses.get(recipe, 0) + 1
            for digest, (value, size) in sized.items():
                if digest not in self._contents:
                    self._contents[digest] = (value, size)
                    self._held += size
                self._contents.move_to_end(digest)
            self._shrink()

    def _shrink(self) -> None:
        while len(self._actions) > self.most:
            key, _ = self._actions.popitem(last=False)
            recipe = self._recipes.pop(key, None)
            if recipe is not None:
                self._uses[recipe] -= 1
                if not self._uses[recipe]:
                    del self._uses[recipe]
        while self._held > self.limit and self._contents:
            _, (_, size) = self._contents.popitem(last=False)
            self._held -= size

    def knows_recipe(self, recipe: str) -> bool:
        return recipe in self._uses

    def making(self, keys: Sequence[str], waiting: Callable[[], None]) -> AbstractContextManager[bool]:  # noqa: ARG002
        """Never waits: of engines that share this store, several may compute the same step at the same time."""
        return contextlib.nullcontext(False)

    def running(self) -> AbstractContextManager[None]:
        """Does nothing: what is evicted is the same during a run."""
        return contextlib.nullcontext()

    def facts(self, machine: str) -> str | None:
        return self._facts.get(machine)

    def report(self, machine: str, facts: str) -> None:
        self._facts[machine] = facts

    def close(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove all recipes and contents."""
        with self._lock:
            self._actions.clear()
            self._recipes.clear()
            self._uses.clear()
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
