"""Eviction: contents and actions that were used longest ago go, but nothing that a running process uses."""

from __future__ import annotations

import sqlite3

from graphflow.store.contents import Contents
from graphflow.store.index import Index
from graphflow.store.leases import SIZE, Leases

_MOST = 1000
"""Contents that are removed in one transaction, during which other processes wait."""


def remove_content(connection: sqlite3.Connection, contents: Contents, id_: bytes) -> None:
    """Remove a content within a transaction, so that no other process stores it meanwhile."""
    connection.execute("DELETE FROM contents WHERE id = ?", (id_,))
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
        number, size = index.write(lambda db: _evict_some(db, contents, leases.living(), most, before))
        total, freed = total + number, freed + size
        if number < _MOST:
            return total, freed


def _evict_some(
    connection: sqlite3.Connection, contents: Contents, leased: set[bytes], most: int | None, before: float | None
) -> tuple[int, int]:
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
    for id_ in removed:
        remove_content(connection, contents, id_)
    return len(removed), freed


def limit_actions(connection: sqlite3.Connection, most: int) -> None:
    """Within a transaction, remove the actions that were used longest ago if there are more than `most`."""
    ((count,),) = connection.execute("SELECT actions FROM totals")
    if count > most:
        # A few more than necessary, since to find them takes a look at all.
        least = count - most + most // 20
        connection.execute(
            "DELETE FROM actions WHERE rowid IN (SELECT rowid FROM actions ORDER BY used LIMIT ?)", (least,)
        )
