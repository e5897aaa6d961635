"""Upkeep of a store on disk: what it holds, what is left over or damaged, and making room."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from graphflow.errors import GraphflowError
from graphflow.store.actions import action_of
from graphflow.store.contents import content_id
from graphflow.store.disk_store import DiskStore
from graphflow.store.eviction import evict, remove_contents, remove_files
from graphflow.store.leases import SIZE
from graphflow.store.value_files import DamagedContent, decode


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a store holds.

    Attributes:
        results: number of steps whose outputs are known by their digests.
        contents: number of values.
        nbytes: bytes of the values.
        oldest, newest: when a value was last used, in seconds since 1970; None if there is none.
        processes: number of running processes that use the store.
        leased: number of values that they use, which are not evicted.
    """

    results: int
    contents: int
    nbytes: int
    oldest: float | None
    newest: float | None
    processes: int
    leased: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from a store.

    Attributes:
        results: number of steps whose outputs are no longer known.
        contents: number of values.
        nbytes: bytes of the values.
        leftovers: number of files, rows and leases that processes left behind when they were killed.
        kept: number of values that stayed because running processes use them.
    """

    results: int = 0
    contents: int = 0
    nbytes: int = 0
    leftovers: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading every value of a store found.

    Attributes:
        contents: number of values that were read.
        damaged: what was damaged, and is removed: the digest of each value or the key of each result, and why.
    """

    contents: int
    damaged: tuple[tuple[str, str], ...]


def holdings(store: DiskStore) -> Holdings:
    """Find out what a store holds, from its index alone."""
    ((results, contents, nbytes),) = store.index.read("SELECT actions, contents, bytes FROM totals") or [(0, 0, 0)]
    ((oldest, newest),) = store.index.read("SELECT min(used), max(used) FROM contents") or [(None, None)]
    leased = store.leases.living()
    ids = store.index.read("SELECT id FROM contents") if leased else []
    return Holdings(
        results,
        contents,
        nbytes,
        oldest,
        newest,
        len(store.leases.processes()),
        sum(id_[:SIZE] in leased for (id_,) in ids),
    )


def prune(store: DiskStore, *, most: int | None = None, before: float | None = None) -> Removed:
    """Remove what killed processes left behind, and what exceeds limits, unless running processes use it.

    Args:
        store: the store.
        most: bytes of values that may stay; None for the store's limit.
        before: values and results that were last used before this time, in seconds since 1970, are removed.

    Raises:
        GraphflowError: the store cannot be written to.
    """
    if not _exists(store):
        return Removed()
    with _writing(store):
        leftovers = _remove_leftovers(store)
        contents, nbytes = evict(
            store.index, store.contents, store.leases, most=store.limit if most is None else most, before=before
        )
        results = 0
        if before is not None:
            results = store.index.write(lambda db: db.execute("DELETE FROM actions WHERE used < ?", (before,)).rowcount)
    return Removed(results, contents, nbytes, leftovers)


def clear(store: DiskStore) -> Removed:
    """Remove all results, except for those that running processes use.

    Raises:
        GraphflowError: the store cannot be written to.
    """
    if not _exists(store):
        return Removed()
    with _writing(store):
        leftovers = _remove_leftovers(store)
        contents, nbytes = evict(store.index, store.contents, store.leases, most=0)
        results = store.index.write(lambda db: _clear_actions(db, store.leases.living()))
        store.index.write(lambda db: db.execute("DELETE FROM machines"))
        store.index.shrink()
    ((kept,),) = store.index.read("SELECT contents FROM totals") or [(0,)]
    return Removed(results, contents, nbytes, leftovers, kept)


def verify(store: DiskStore) -> Verification:
    """Read every value and compare it with its digest; what is damaged is removed.

    Raises:
        GraphflowError: something is damaged, and the store cannot be written to.
    """
    damaged: list[tuple[str, str]] = []
    rows = store.index.read("SELECT id FROM contents")
    if store.index.damaged:
        damaged.append((str(store.index.path), "the index cannot be read, so all results are lost"))
    for (id_,) in rows:
        if problem := _problem(store, id_):
            damaged.append(problem)
            with _writing(store):
                remove_contents(store.index, store.contents, [id_])
    broken = [key for key, sealed in store.index.read("SELECT key, outputs FROM actions") if not action_of(key, sealed)]
    for key in broken:
        damaged.append((_text(key), "its outputs cannot be read"))
        with _writing(store):
            store.index.write(partial(_remove_action, key=key))
    return Verification(len(rows), tuple(damaged))


def _exists(store: DiskStore) -> bool:
    return store.index.path.exists() or store.contents.folder.exists()


def _remove_leftovers(store: DiskStore) -> int:
    """Remove files, rows and leases of processes that were killed; returns how many."""
    running = set(store.leases.processes())
    found = store.leases.remove_dead()
    for path, process in store.contents.unfinished().items():
        if process not in running:
            store.contents.discard(path)
            found += 1
    found += store.index.write(partial(_remove_rows_without_file, store=store))
    files = list(store.contents.ids())
    remove_files(store.index, store.contents, files)
    found += sum(not store.contents.place(id_).exists() for id_ in files)
    store.index.write(_count_again)
    return found


def _remove_rows_without_file(connection: sqlite3.Connection, store: DiskStore) -> int:
    """Within a transaction, remove the rows of contents whose files are missing or incomplete; returns how many."""
    rows = connection.execute("SELECT id, bytes FROM contents WHERE inline IS NULL").fetchall()
    lost = [(id_,) for id_, size in rows if not store.contents.has(id_, size)]
    connection.executemany("DELETE FROM contents WHERE id = ?", lost)
    return len(lost)


def _remove_action(connection: sqlite3.Connection, key: object) -> None:
    connection.execute("DELETE FROM actions WHERE key = ?", (key,))


def _count_again(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE totals SET actions = (SELECT count(*) FROM actions), contents = (SELECT count(*) FROM contents), "
        "bytes = (SELECT coalesce(sum(bytes), 0) FROM contents)"
    )


def _clear_actions(connection: sqlite3.Connection, leased: set[bytes]) -> int:
    """Within a transaction, remove the results of which a value is not leased; returns how many."""
    rows = connection.execute("SELECT key, outputs FROM actions").fetchall()
    lost = []
    for key, text in rows:
        action = action_of(key, text)
        if action is None or not all(id_[:SIZE] in leased for id_ in action.ids):
            lost.append((key,))
    connection.executemany("DELETE FROM actions WHERE key = ?", lost)
    return len(lost)


def _problem(store: DiskStore, id_: bytes) -> tuple[str, str] | None:
    """The digest of a content and what is wrong with it; None if it is sound, or was removed meanwhile."""
    rows = store.index.read("SELECT digest, inline FROM contents WHERE id = ?", id_)
    if not rows:
        return None
    ((digest, inline),) = rows
    text = _text(digest)
    try:
        if not isinstance(digest, bytes) or content_id(text) != id_:
            return text, "its digest is damaged"
        decode(store.contents.read(id_) if inline is None else inline, text)
    except DamagedContent as error:
        return text, str(error)
    except FileNotFoundError:
        return text, "its file is missing"
    except OSError as error:
        return text, f"its file cannot be read: {error.strerror}"
    return None


def _text(stored: object) -> str:
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else str(stored)


@contextlib.contextmanager
def _writing(store: DiskStore) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise GraphflowError(f"the cache {store.folder} cannot be written to: {why}") from error
