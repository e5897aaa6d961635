"""Single flight: of several processes and threads, one computes a result at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from graphflow.store.file_lock import FileLock

SLOTS = 4096
"""Number of locks. Keys share them, so that no file has to be removed; two keys rarely have the same one."""

_PAUSES = (0.005, 0.01, 0.02)
_LAST_PAUSE = 0.05
"""Seconds between two attempts: the first ones are short, since many steps are."""


class SingleFlight:
    """Locks for keys, as files of one folder, made when they are first used.

    Args:
        folder: where the files are; if they cannot be made or locked, everybody computes everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holders: set[tuple[int, int]] = set()

    @contextlib.contextmanager
    def making(self, keys: Sequence[str], waiting: Callable[[], None]) -> Iterator[bool]:
        """Inside the block, no other holder computes these keys; see `Store.making`."""
        holder = os.getpid(), threading.get_ident()
        if holder in self._holders:
            # A step that runs a graph: to wait while holding a lock could never end.
            yield False
            return
        held: list[FileLock] = []
        self._holders.add(holder)
        try:
            waited = False
            # In one order for all, so that no two wait for each other.
            for slot in sorted({self.slot(key) for key in keys}):
                waited |= self._take(FileLock(self.folder / f"{slot:04x}"), held, waiting)
            yield waited
        finally:
            self._holders.discard(holder)
            for lock in held:
                with contextlib.suppress(OSError):
                    lock.release()

    @staticmethod
    def slot(key: str) -> int:
        """The number of the lock of a key."""
        return zlib.crc32(key.encode()) % SLOTS

    def _take(self, lock: FileLock, held: list[FileLock], waiting: Callable[[], None]) -> bool:
        """Add a lock to `held` as soon as it is free; returns whether it had to be waited for."""
        pauses = iter(_PAUSES)
        waited = False
        while not _acquired(lock, held):
            waited = True
            waiting()
            time.sleep(next(pauses, _LAST_PAUSE))
        return waited


def _acquired(lock: FileLock, held: list[FileLock]) -> bool:
    """Whether the lock was free, and is in `held` now; also True if there can be no lock."""
    try:
        free = lock.acquire()
    except OSError:
        return True
    if free:
        held.append(lock)
    return free
