"""The index of a store on disk: an sqlite database that several threads and processes use.

A database that is damaged, or that another version of graphflow made, counts as empty; the next write replaces it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from graphflow.store.file_lock import FileLock

T = TypeVar("T")
Row = tuple[Any, ...]

VERSION = 1
"""Version of the tables, of contents and of digests of values; a change of one of them needs a new one."""

_TABLES = """
CREATE TABLE actions (key BLOB PRIMARY KEY, recipe BLOB, outputs BLOB, used REAL);
CREATE INDEX recipes ON actions (recipe);
CREATE TABLE contents (id BLOB PRIMARY KEY, digest BLOB, bytes INTEGER, used REAL, inline BLOB) WITHOUT ROWID;
CREATE TABLE machines (machine BLOB PRIMARY KEY, facts BLOB);
CREATE TABLE totals (actions INTEGER, contents INTEGER, bytes INTEGER);
INSERT INTO totals VALUES (0, 0, 0);
CREATE TRIGGER action_added AFTER INSERT ON actions BEGIN UPDATE totals SET actions = actions + 1; END;
CREATE TRIGGER action_removed AFTER DELETE ON actions BEGIN UPDATE totals SET actions = actions - 1; END;
CREATE TRIGGER content_added AFTER INSERT ON contents BEGIN
  UPDATE totals SET contents = contents + 1, bytes = bytes + NEW.bytes; END;
CREATE TRIGGER content_removed AFTER DELETE ON contents BEGIN
  UPDATE totals SET contents = contents - 1, bytes = bytes - OLD.bytes; END;
"""

_PAUSE = 60.0
"""Seconds without reading after another process kept the database locked for the whole timeout."""


class Index:
    """The database of a store.

    Args:
        path: its file; it is made by the first write.
        emptied: called when the database is made, before anybody can use it.
        timeout: seconds to wait for other processes that write to it.
    """

    def __init__(self, path: Path, emptied: Callable[[], None], timeout: float = 10.0) -> None:
        self.path = path
        # As text, since a path becomes one in each of thousands of calls.
        self._name = str(path)
        self._emptied = emptied
        self._timeout = timeout
        self._abandoned: list[sqlite3.Connection | None] = []
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._bad: tuple[int, ...] | None = None
        self._closed_until = 0.0

    def read(self, query: str, *values: object) -> list[Row]:
        """The rows of a query; none if there is no database, or it cannot be read."""
        self._after_fork()
        with self._lock:
            if time.monotonic() < self._closed_until:
                return []
            try:
                connection = self._connection()
                return [] if connection is None else connection.execute(query, values).fetchall()
            except (sqlite3.Error, OSError, OverflowError) as error:
                self._failed(error)
                return []

    def write(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Call `act` in a transaction, which is undone if it raises; twice if the database turns out to be damaged.

        Raises:
            OSError, sqlite3.Error: the database cannot be written to.
        """
        self._after_fork()
        with self._lock:
            try:
                return self._write(act)
            except sqlite3.DatabaseError as error:
                self._failed(error)
                if self._bad is None:
                    raise
            return self._write(act)

    def shrink(self) -> None:
        """Give back the disk space of rows that were removed, unless another process uses the database."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            connection = self._connection()
            if connection is not None:
                connection.execute("VACUUM")

    @property
    def damaged(self) -> bool:
        """Whether the last use of the database found that it is damaged, or made by another version."""
        return self._bad is not None

    def close(self) -> None:
        """Close the connection to the database."""
        self._after_fork()
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        # A connection is part of a circle of references, so it would stay open until the next garbage collection.
        if self._process == os.getpid():
            self._disconnect()

    def _write(self, act: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection() or self._create()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = act(connection)
            connection.execute("COMMIT")
        except BaseException:
            # The database itself undoes a transaction if the disk is full.
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        return result

    def _connection(self) -> sqlite3.Connection | None:
        """The connection to the database; None if it does not exist, or is known to be damaged."""
        try:
            state = os.stat(self._name)  # noqa: PTH116
        except FileNotFoundError:
            self._disconnect()
            return None
        if self._bad == _version_of(state):
            return None
        # Another process may have replaced it.
        if self._open is not None and (state.st_dev, state.st_ino) != self._file:
            self._disconnect()
        self._bad = None
        if self._open is None:
            self._open, self._file = self._connect(), (state.st_dev, state.st_ino)
            if not _is_current(self._open):
                self._set_bad()
        return self._open

    def _set_bad(self) -> None:
        self._disconnect()
        with contextlib.suppress(OSError):
            self._bad = _version_of(self.path.stat())

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._connect_to(self.path.as_uri())
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            # In a folder that is read-only, a database can be opened only without the files for other processes.
            return self._connect_to(f"{self.path.as_uri()}?immutable=1")

    def _connect_to(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(address, self._timeout, isolation_level=None, check_same_thread=False, uri=True)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA user_version").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> sqlite3.Connection:
        """A connection to a new database, or to the one that another process has made meanwhile."""
        self._disconnect()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _waited(FileLock(self.path.with_suffix(".lock")), self._timeout):
            if not self._sound():
                self._make_new()
            self._open = self._connect()
            state = self.path.stat()
        self._file = state.st_dev, state.st_ino
        self._bad = None
        return self._open

    def _make_new(self) -> None:
        """Replace what is there by an empty database; nobody ever sees it half made."""
        new = self.path.with_suffix(".new")
        for path in (new, self.path):
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        self._emptied()
        with contextlib.closing(self._connect_to(new.as_uri())) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
        new.replace(self.path)

    def _sound(self) -> bool:
        """Whether there is a database that can be used."""
        if not self.path.exists():
            return False
        try:
            connection = self._connect()
            with contextlib.closing(connection):
                return _is_current(connection) and connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return False
            raise

    def _failed(self, error: Exception) -> None:
        if is_damage(error):
            self._set_bad()
        elif _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._closed_until = time.monotonic() + _PAUSE

    def _disconnect(self) -> None:
        if self._open is not None:
            with contextlib.suppress(sqlite3.Error):
                self._open.close()
        self._open = None

    def _after_fork(self) -> None:
        if self._process != os.getpid():
            # A connection must not be used, nor closed, by a forked process.
            self._abandoned.append(self._open)
            self._start()


def _version_of(state: os.stat_result) -> tuple[int, ...]:
    """Facts of a file that change when it is replaced or written to."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _is_current(connection: sqlite3.Connection) -> bool:
    ((version,),) = connection.execute("PRAGMA user_version")
    return bool(version == VERSION)


def _code(error: Exception) -> int | None:
    """The number of an error of sqlite; None if it has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def is_damage(error: Exception) -> bool:
    """Whether an error of sqlite means that the database is damaged, rather than full, locked or out of reach."""
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.ProgrammingError):
        return False
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ:
        return True
    # A table or column that is missing is a plain error.
    return _code(error) in (None, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


@contextlib.contextmanager
def _waited(lock: FileLock, timeout: float) -> Iterator[None]:
    """Inside the block, the lock is held; without it after `timeout` seconds, or if there are no locks."""
    end = time.monotonic() + timeout
    try:
        while not lock.acquire() and time.monotonic() < end:
            time.sleep(0.01)
    except OSError:
        pass
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.release()
