"""Upkeep of a store on disk: what it holds, leftovers, age, damage."""

import pytest

from graphflow.errors import GraphflowError
from graphflow.store.contents import content_id
from graphflow.store.disk_store import DiskStore
from graphflow.store.upkeep import Holdings, Removed, clear, holdings, prune, verify
from graphflow.values.any_value import digest_of
from tests.store.pictures import picture

DAY = 86400


@pytest.fixture
def store(tmp_path):
    """Three results, used one day after the other: two pictures and a number."""
    store = DiskStore(tmp_path / "results", clock=lambda: store.now)
    store.now = 1e9
    for shade in (1, 2):
        value = picture(shade, 50, 50)
        with store.running():
            store.put(f"key {shade}", {"image": (value.digest, value)})
        store.now += DAY
    with store.running():
        store.put("number", {"value": (digest_of(7), 7)})
    return store


def size(store, value):
    ((size,),) = store.index.read("SELECT bytes FROM contents WHERE id = ?", content_id(digest_of(value)))
    return size


def test_holdings_are_read_from_the_index(store):
    total = sum(size(store, value) for value in (picture(1, 50, 50), picture(2, 50, 50), 7))
    assert holdings(store) == Holdings(3, 3, total, 1e9, 1e9 + 2 * DAY, 1, 0)
    with store.running():
        store.lookup("number")
        assert holdings(store).leased == 1


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path):
    store = DiskStore(tmp_path / "results")
    assert holdings(store) == Holdings(0, 0, 0, None, None, 0, 0)
    assert prune(store) == clear(store) == Removed()
    assert verify(store).damaged == ()
    assert not store.folder.exists()


def test_a_folder_of_something_else_stays_as_it_is(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    store = DiskStore(tmp_path)
    assert prune(store, most=0) == clear(store) == Removed()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_prune_removes_what_was_not_used_for_long(store):
    removed = prune(store, before=1e9 + DAY)
    assert (removed.results, removed.contents, removed.leftovers) == (1, 1, 0)
    assert [store.has(picture(shade, 50, 50).digest) for shade in (1, 2)] == [False, True]
    assert prune(store, before=1e9 + DAY) == Removed()


def test_prune_removes_what_exceeds_a_size(store):
    removed = prune(store, most=8000)
    assert (removed.contents, removed.nbytes) == (1, removed.nbytes)
    assert [store.has(picture(shade, 50, 50).digest) for shade in (1, 2)] == [False, True]
    assert holdings(store).nbytes <= 8000


def test_prune_removes_leftovers(store):
    other = content_id("no row")
    store.contents.place(other).parent.mkdir(exist_ok=True)
    store.contents.place(other).write_bytes(b"no row")
    store.contents.write([b"unfinished"], "1-of-a-dead-process")
    running = store.contents.write([b"being written"], store.leases.name)
    (store.leases.folder / "1-dead.lock").touch()
    (store.leases.folder / "1-dead.list").write_bytes(bytes(32))
    store.contents.place(content_id(picture(1, 50, 50).digest)).unlink()
    store.index.write(lambda db: db.execute("UPDATE totals SET bytes = 10000000000000"))
    assert prune(store) == Removed(leftovers=4)
    assert prune(store) == Removed()
    assert list(store.contents.unfinished()) == [running]
    assert not store.contents.place(other).exists()
    assert holdings(store).contents == 2
    assert holdings(store).nbytes < 10000
    assert store.has(picture(2, 50, 50).digest)


def test_clear_removes_all_but_what_a_process_uses(store):
    other = DiskStore(store.folder)
    other.lookup("number")
    removed = clear(store)
    assert (removed.results, removed.contents, removed.kept) == (2, 2, 1)
    assert other.content(digest_of(7)) == 7
    assert DiskStore(store.folder).lookup("number") == {"value": digest_of(7)}
    assert DiskStore(store.folder).lookup("key 1") is None
    other.close()
    assert clear(store).kept == 0
    assert holdings(store).results == 0


def test_verify_finds_and_removes_what_is_damaged(store):
    place = store.contents.place(content_id(picture(1, 50, 50).digest))
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    store.contents.place(content_id(picture(2, 50, 50).digest)).unlink()
    store.index.write(lambda db: db.execute("UPDATE actions SET outputs = x'00' WHERE key = ?", (b"key 1",)))
    found = verify(store)
    assert found.contents == 3
    assert sorted(found.damaged) == sorted(
        [
            (picture(1, 50, 50).digest, "it is another value than the one that was stored"),
            (picture(2, 50, 50).digest, "its file is missing"),
            ("key 1", "its outputs cannot be read"),
        ]
    )
    assert not place.exists()
    assert verify(store).damaged == ()
    assert store.content(digest_of(7)) == 7


def test_verify_reports_a_damaged_index(store):
    store.close()
    store.index.path.write_bytes(b"garbage" * 1000)
    ((name, reason),) = verify(store).damaged
    assert name == str(store.index.path)
    assert "lost" in reason


def test_a_cache_that_cannot_be_written_to_is_an_error(store, monkeypatch):
    def write(_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store.index, "write", write)
    with pytest.raises(GraphflowError, match=r"the cache .* cannot be written to: Read-only file system"):
        prune(store)
