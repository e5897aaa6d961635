"""Leases: contents that running processes use, and that nobody evicts meanwhile.

A process has two files: one that it keeps locked for as long as it lives, and one that lists what it uses. If nobody
holds the lock, the process is gone, and its list is void.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from graphflow.store.file_lock import FileLock

SIZE = 16
"""Bytes of a content's id that are listed; the first ones."""

_LOCK, _LIST = ".lock", ".list"


class Leases:
    """The leases of this process, and those of others.

    Args:
        folder: of the files of all processes; it need not exist as long as nothing is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._adding = threading.Lock()
        self._files: _Files | None = None
        self._end: Callable[[], object] = lambda: None

    def add(self, ids: Iterable[bytes]) -> None:
        """Lease contents until `drop` or `close`, or the end of the process.

        Raises:
            OSError: the folder cannot be written to.
        """
        self._own().add(ids)

    def drop(self) -> None:
        """End all leases of this process."""
        if self._files is not None and self._process == os.getpid():
            self._files.drop()

    def close(self) -> None:
        """End all leases of this process, and remove its files."""
        self._end()
        self._start()

    @property
    def name(self) -> str:
        """The name of this process among those that use the store.

        Raises:
            OSError: the folder cannot be written to.
        """
        return self._own().name

    def living(self) -> set[bytes]:
        """The starts of the ids of all contents that running processes lease, this one included."""
        found: set[bytes] = set()
        for path, dead in self._all():
            if not dead:
                with contextlib.suppress(OSError):
                    listed = path.with_suffix(_LIST).read_bytes()
                    # The last one may be incomplete, since it is being written.
                    found.update(listed[i : i + SIZE] for i in range(0, len(listed) - SIZE + 1, SIZE))
        return found

    def processes(self) -> list[str]:
        """The names of the running processes that have used the store, this one included."""
        return [path.stem for path, dead in self._all() if not dead]

    def remove_dead(self) -> int:
        """Remove the files of processes that are gone; returns how many processes."""
        removed = 0
        for path, dead in self._all():
            if dead:
                with contextlib.suppress(OSError):
                    path.with_suffix(_LIST).unlink(missing_ok=True)
                    path.unlink()
                    removed += 1
        return removed

    def _own(self) -> _Files:
        if self._process != os.getpid():
            # Forked: the leases of the parent stay its own.
            self._start()
        with self._adding:
            if self._files is None:
                self._files = _Files(self.folder)
                # Also at the end of the process, and for a store that is dropped without being closed.
                self._end = weakref.finalize(self, self._files.close)
            return self._files

    def _all(self) -> Iterator[tuple[Path, bool]]:
        """The lock file of each process, and whether the process is gone; it stays locked until the next one then."""
        own = self._files.name if self._files is not None else ""
        for path in sorted(self.folder.glob(f"*{_LOCK}")):
            lock = FileLock(path)
            try:
                # Without locks, nobody can know.
                dead = path.stem != own and lock.acquire()
            except OSError:
                dead = False
            try:
                yield path, dead
            finally:
                lock.release()


class _Files:
    """The two files of this process.

    Args:
        folder: where they are made.

    Raises:
        OSError: they cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._process = os.getpid()
        self._listed: set[bytes] = set()
        self._changing = threading.Lock()
        while True:
            self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
            self._path = folder / f"{self.name}{_LOCK}"
            self._path.touch()
            self._lock = FileLock(self._path)
            with contextlib.suppress(OSError):
                self._lock.acquire()
            # Before it was locked, another process may have removed it as a dead one.
            if self._path.exists():
                break
            self._lock.release()
        self._list = os.open(self._path.with_suffix(_LIST), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, ids: Iterable[bytes]) -> None:
        with self._changing:
            new = {id_[:SIZE] for id_ in ids} - self._listed
            if new:
                os.write(self._list, b"".join(new))
                self._listed |= new

    def drop(self) -> None:
        with self._changing, contextlib.suppress(OSError):
            self._listed.clear()
            os.ftruncate(self._list, 0)

    def close(self) -> None:
        """Remove them; a forked process leaves them to its parent."""
        if self._process == os.getpid():
            with contextlib.suppress(OSError):
                self._path.with_suffix(_LIST).unlink(missing_ok=True)
                self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._lock.release()
            os.close(self._list)
