"""Eviction: contents and actions that were used longest ago go, but nothing that a running process uses."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from graphflow.store.contents import Contents
from graphflow.store.index import Index
from graphflow.store.leases import SIZE, Leases

_MOST = 1000
"""Contents that are removed in one transaction, during which other processes wait."""


def remove_contents(index: Index, contents: Contents, ids: Sequence[bytes]) -> None:
    """Remove contents: first what the index has of them, then their files.

    If the process is killed in between, files without a row are left, and never rows without a file.

    Raises:
        OSError, sqlite3.Error: the store cannot be written to.
    """
    index.write(lambda db: db.executemany("DELETE FROM contents WHERE id = ?", [(id_,) for id_ in ids]))
    remove_files(index, contents, ids)


def remove_files(index: Index, contents: Contents, ids: Sequence[bytes]) -> None:
    """Remove the files of contents that the index does not have.

    Raises:
        OSError, sqlite3.Error: the store cannot be written to.
    """
    if ids:
        # In a transaction, so that no other process stores one of them meanwhile.
        index.write(lambda db: _remove_files(db, contents, ids))


def _remove_files(connection: sqlite3.Connection, contents: Contents, ids: Sequence[bytes]) -> None:
    for id_ in ids:
        if not connection.execute("SELECT 1 FROM contents WHERE id = ?", (id_,)).fetchall():
            contents.remove(id_)


def evict(
    index: Index, contents: Contents, leases: Leases, *, most: int | None = None, before: float | None = None
) -> tuple[int, int]:
    """Remove contents that no running process uses, those first that were used longest ago.

    Args:
        index: of the store.
        contents: of the store.
        leases: of the processes that use it.
        most: bytes of contents that may stay; None for any number.
        before: all that were last used before this time, in seconds since 1970, are removed.

    Returns:
        How many were removed, and how many bytes they took.

    Raises:
        OSError, sqlite3.Error: the store cannot be written to.
    """
    total = freed = 0
    while True:
        ids, size = index.write(lambda db: _evict_some(db, leases.living(), most, before))
        remove_files(index, contents, ids)
        total, freed = total + len(ids), freed + size
        if len(ids) < _MOST:
            return total, freed


def _evict_some(
    connection: sqlite3.Connection, leased: set[bytes], most: int | None, before: float | None
) -> tuple[list[bytes], int]:
    """Within a transaction, remove the rows of contents; returns their ids, and how many bytes they took."""
    ((held,),) = connection.execute("SELECT bytes FROM totals")
    removed: list[bytes] = []
    freed = 0
    for id_, size, used in connection.execute("SELECT id, bytes, used FROM contents ORDER BY used"):
        enough = most is None or held - freed <= most
        if len(removed) == _MOST or (enough and (before is None or used >= before)):
            break
        if id_[:SIZE] not in leased:
            removed.append(id_)
            freed += size
    connection.executemany("DELETE FROM contents WHERE id = ?", [(id_,) for id_ in removed])
    return removed, freed


def limit_actions(connection: sqlite3.Connection, most: int) -> None:
    """Within a transaction, remove the actions that were used longest ago if there are more than `most`."""
    ((count,),) = connection.execute("SELECT actions FROM totals")
    if count > most:
        # A few more than necessary, since to find them takes a look at all.
        least = count - most + most // 20
        connection.execute(
            "DELETE FROM actions WHERE rowid IN (SELECT rowid FROM actions ORDER BY used LIMIT ?)", (least,)
        )
