"""A store on disk, which outlives the process and which several processes use at the same time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphflow.store.actions import Action, action_of, sealed, unsealed
from graphflow.store.contents import Contents, content_id
from graphflow.store.eviction import evict, limit_actions, remove_contents
from graphflow.store.index import Index
from graphflow.store.leases import Leases
from graphflow.store.single_flight import SingleFlight
from graphflow.store.store import GONE
from graphflow.store.value_files import DamagedContent, UnstoredType, decode, encode
from graphflow.system.byte_sizes import parse_bytes
from graphflow.system.cache_folder import cache_folder

LIMIT = "10GiB"
"""Most bytes of contents, unless another number is given."""

_ACTIONS = 200_000
"""Most actions in the index; 1,000 take about 0.5 MB."""
_INLINE = 2048
"""Most bytes of a content that is in the index itself: a file takes more than that on most disks."""
_FRESH = 60.0
"""Seconds after which a use of an action or a content is written down again."""
_FULL = 5.0
"""Seconds until it is tried again to evict something, if everything was in use."""
_AHEAD, _MOST_AHEAD, _REMEMBERED = 8, 512, 50_000
"""Actions that a lookup reads beyond the one that is asked for: at first, at most; and how many are remembered."""


@dataclass(frozen=True, slots=True)
class _NewContent:
    """A content that is written, and not yet in the index: the bytes themselves, or a file of them."""

    id: bytes
    digest: str
    size: int
    inline: bytes | None
    written: Path | None


class DiskStore:
    """Keeps values in a folder, the most recently used ones up to a number of bytes.

    Any number of engines, threads and processes may use the folder at the same time. What a process has looked up or
    put is not evicted before the end of its run. Values are compared with their digests when they are read; what is
    damaged is removed, and made again by the next run that needs it. Reading never fails. The first result that cannot
    be written raises an OSError; the store takes no more results then, and is still read.

    Values of types that other packages define, and control signals, are not kept, only their digests.

    Args:
        folder: where it is; made when something is first stored. None for `results` in graphflow's cache folder: the
            variable GRAPHFLOW_CACHE, or `graphflow` in the user's cache folder.
        limit: most bytes of contents, such as `10GiB`; those least recently used are evicted first.
        most: most recipes in the index; those least recently used are evicted first.
        clock: the time in seconds since 1970.

    Raises:
        GraphflowError: `limit` is not a size.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        limit: int | str = LIMIT,
        *,
        most: int = _ACTIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = (cache_folder() / "results" if folder is None else Path(folder)).absolute()
        self.limit = parse_bytes(limit)
        self._most = most
        self._clock = clock
        self.contents = Contents(self.folder / "contents")
        self.index = Index(self.folder / "index.sqlite3", self.contents.clear)
        self.leases = Leases(self.folder / "leases")
        self._flight = SingleFlight(self.folder / "slots")
        self._lock = threading.Lock()
        self._runs = 0
        self._start()

    def _start(self) -> None:
        self._ahead: dict[str, Action] = {}
        self._count_ahead = _AHEAD
        self._used_keys: dict[bytes, None] = {}
        self._used_ids: dict[bytes, None] = {}
        self._takes_results = True
        self._leases_work = True
        self._full_until = 0.0
        self._made = False

    # Reading

    def lookup(self, key: str) -> Mapping[str, str] | None:
        action = self._ahead.get(key) or self._read_ahead(key)
        if action is None:
            return None
        self._used_keys[key.encode()] = None
        self._used_ids.update(dict.fromkeys(action.ids))
        if len(self._used_keys) > _REMEMBERED:
            self._write_uses()
        return dict(action.outputs)

    def content(self, digest: str) -> Any:
        id_ = content_id(digest)
        rows = self.index.read("SELECT inline FROM contents WHERE id = ?", id_)
        if not rows:
            return GONE
        self._lease([id_])
        ((inline,),) = rows
        try:
            value = decode(self.contents.read(id_) if inline is None else inline, digest)
        except (DamagedContent, FileNotFoundError):
            self._remove(id_)
            return GONE
        except OSError:
            return GONE
        self._used_ids[id_] = None
        return value

    def has(self, digest: str) -> bool:
        return self._has(content_id(digest))

    def knows_recipe(self, recipe: str) -> bool:
        return bool(self.index.read("SELECT 1 FROM actions WHERE recipe = ? LIMIT 1", recipe.encode()))

    def facts(self, machine: str) -> str | None:
        rows = self.index.read("SELECT facts FROM machines WHERE machine = ?", machine.encode())
        facts = unsealed(machine.encode(), rows[0][0]) if rows else None
        return None if facts is None else facts.decode()

    def _read_ahead(self, key: str) -> Action | None:
        """The action of a key; also remembers those stored after it, which a run is likely to ask for next."""
        query = "SELECT key, outputs FROM actions WHERE rowid >= (SELECT rowid FROM actions WHERE key = ?) "
        rows = self.index.read(query + "ORDER BY rowid LIMIT ?", key.encode(), self._count_ahead)
        if not rows:
            return None
        self._count_ahead = min(2 * self._count_ahead, _MOST_AHEAD)
        if len(self._ahead) > _REMEMBERED:
            self._ahead.clear()
        actions = {name.decode(): action for name, sealed in rows if (action := action_of(name, sealed)) is not None}
        self._ahead.update(actions)
        self._lease([id_ for action in actions.values() for id_ in action.ids])
        return actions.get(key)

    def _has(self, id_: bytes) -> bool:
        rows = self.index.read("SELECT bytes, inline IS NULL FROM contents WHERE id = ?", id_)
        return bool(rows) and (not rows[0][1] or self.contents.has(id_, rows[0][0]))

    # Writing

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]], recipe: str = "") -> None:
        if not self._takes_results:
            return
        try:
            self._put(key, outputs, recipe)
        except (OSError, sqlite3.Error) as error:
            self._takes_results = False
            why = getattr(error, "strerror", None) or str(error)
            raise OSError(f"results cannot be stored in {self.folder}: {why}") from error

    def report(self, machine: str, facts: str) -> None:
        row = (machine.encode(), sealed(machine.encode(), facts.encode()))
        # If it cannot be written, torch is asked again.
        with contextlib.suppress(OSError, sqlite3.Error):
            self.index.write(lambda db: db.execute("INSERT OR REPLACE INTO machines VALUES (?, ?)", row))

    def _put(self, key: str, outputs: Mapping[str, tuple[str, Any]], recipe: str) -> None:
        self._make_folder()
        values = {content_id(digest): (digest, value) for digest, value in outputs.values()}
        self._lease(values)
        new: list[_NewContent] = []
        try:
            for id_, (digest, value) in values.items():
                if not self._has(id_) and (content := self._write(id_, digest, value)) is not None:
                    new.append(content)
            digests = {name: digest for name, (digest, _) in outputs.items()}
            self._ahead[key] = self.index.write(lambda db: self._insert(db, key.encode(), digests, recipe, new))
        finally:
            for content in new:
                if content.written is not None:
                    self.contents.discard(content.written)

    def _write(self, id_: bytes, digest: str, value: Any) -> _NewContent | None:
        """The content of a value, ready for the index; None if it is not kept."""
        try:
            parts = encode(value)
        except UnstoredType:
            return None
        size = sum(map(len, parts))
        if not self._make_room(size):
            return None
        if size <= _INLINE:
            return _NewContent(id_, digest, size, b"".join(parts), None)
        return _NewContent(id_, digest, size, None, self.contents.write(parts, self.leases.name))

    def _insert(
        self, db: sqlite3.Connection, key: bytes, digests: dict[str, str], recipe: str, new: Iterable[_NewContent]
    ) -> Action:
        now = self._clock()
        for content in new:
            # Within the transaction, so that no other process evicts it between the two.
            if content.written is not None:
                self.contents.keep(content.id, content.written)
            row = (content.id, content.digest.encode("utf-8", "surrogatepass"), content.size, now, content.inline)
            db.execute("DELETE FROM contents WHERE id = ?", row[:1])
            db.execute("INSERT INTO contents VALUES (?, ?, ?, ?, ?)", row)
        rows = db.execute("SELECT outputs FROM actions WHERE key = ?", (key,)).fetchall()
        known = action_of(key, rows[0][0]) if rows else None
        outputs = {**known.outputs, **digests} if known is not None else digests
        action = Action.of(outputs)
        db.execute(
            "INSERT INTO actions VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (key) DO UPDATE SET recipe = ?2, outputs = ?3, used = ?4",
            (key, recipe.encode() or None, action.sealed(key), now),
        )
        limit_actions(db, self._most)
        return action

    def _make_room(self, size: int) -> bool:
        """Evict what was used longest ago until a content of this size fits; returns whether it fits."""
        rows = self.index.read("SELECT bytes FROM totals")
        held = rows[0][0] if rows else 0
        if size > self.limit or held + size <= self.limit:
            return size <= self.limit
        if time.monotonic() < self._full_until:
            return False
        self._write_uses()
        # More than necessary, so that the next contents fit, too.
        most = max(self.limit * 9 // 10 - size, 0)
        evict(self.index, self.contents, self.leases, most=most)
        ((held,),) = self.index.read("SELECT bytes FROM totals") or [(0,)]
        if held + size <= self.limit:
            return True
        self._full_until = time.monotonic() + _FULL
        return False

    def _make_folder(self) -> None:
        if not self._made:
            # Results may be private, so others may not read them.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._flight.folder.mkdir(exist_ok=True)
            self._made = True

    def _remove(self, id_: bytes) -> None:
        with contextlib.suppress(OSError, sqlite3.Error):
            remove_contents(self.index, self.contents, [id_])

    # Use by several processes

    @contextlib.contextmanager
    def making(self, keys: Sequence[str], waiting: Callable[[], None]) -> Iterator[bool]:
        with contextlib.suppress(OSError):
            self._make_folder()
        with self._flight.making(keys, waiting) as waited:
            # Another process may have put them between the caller's lookup and this moment, too.
            for key in keys:
                self._ahead.pop(key, None)
            yield waited or any(self._read_ahead(key) is not None for key in keys)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Inside the block, nothing is evicted that this process looks up or puts; blocks may overlap."""
        with self._lock:
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                ended = not self._runs
            if ended:
                self._write_uses()
                self.leases.drop()
                # They would be taken for leased.
                self._ahead.clear()
                self._full_until = 0.0

    def close(self) -> None:
        self._write_uses()
        self.leases.close()
        self.index.close()
        self._start()

    def _lease(self, ids: Iterable[bytes]) -> None:
        # In a folder that is read-only, nothing can be leased.
        if self._leases_work:
            try:
                self.leases.add(ids)
            except OSError:
                self._leases_work = False

    def _write_uses(self) -> None:
        """Write down what was used, unless it was written a short time ago; lookups themselves write nothing."""
        keys, self._used_keys = self._used_keys, {}
        ids, self._used_ids = self._used_ids, {}
        if not keys and not ids:
            return
        now = self._clock()

        def act(db: sqlite3.Connection) -> None:
            for table, column, used in (("actions", "key", keys), ("contents", "id", ids)):
                rows = [(now, one, now - _FRESH) for one in used]
                db.executemany(f"UPDATE {table} SET used = ? WHERE {column} = ? AND used < ?", rows)

        with contextlib.suppress(OSError, sqlite3.Error):
            self.index.write(act)
