"""A store on disk stays within its limit: what was used longest ago goes, but nothing that a running process uses."""

import subprocess
import sys

import pytest

from graphflow.store.disk_store import DiskStore
from graphflow.store.store import GONE
from graphflow.values.any_value import digest_of
from tests.store.pictures import picture

SIDE = 64
SIZE = SIDE * SIDE * 3
"""Bytes of the pixels of a picture; its file has some 100 more."""


def shot(shade):
    return picture(shade, SIDE, SIDE)


class Clock:
    def __init__(self):
        self.now = 1e9

    def __call__(self):
        self.now += 100
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    """A store of five pictures, in which nothing is leased but what a test leases."""
    return DiskStore(tmp_path / "results", 5 * SIZE + 2000, clock=clock)


def put(store, *shades):
    for shade in shades:
        with store.running():
            store.put(f"key {shade}", {"image": (shot(shade).digest, shot(shade))})


def kept(store, shades=range(30)):
    return [shade for shade in shades if store.has(shot(shade).digest)]


def held(store):
    ((size,),) = store.index.read("SELECT bytes FROM totals")
    files = sum(path.stat().st_size for path in store.contents.folder.rglob("*") if path.is_file())
    assert files == size
    return size


def test_what_was_used_longest_ago_is_evicted(store):
    put(store, 1, 2, 3, 4, 5)
    assert kept(store) == [1, 2, 3, 4, 5]
    with store.running():
        assert store.content(shot(1).digest) == shot(1)
        assert store.lookup("key 2") is not None
    put(store, 6)
    assert kept(store) == [1, 2, 5, 6]
    assert held(store) <= store.limit
    assert store.lookup("key 3") == {"image": shot(3).digest}
    assert store.content(shot(3).digest) is GONE


def test_a_store_stays_within_its_limit(store):
    for shade in range(30):
        put(store, shade)
        assert held(store) <= store.limit
    assert kept(store)[-1] == 29


def test_a_content_larger_than_the_limit_is_not_stored(store):
    put(store, 1)
    big = picture(0, 200, 200)
    store.put("big", {"image": (big.digest, big), "number": (digest_of(7), 7)})
    assert store.lookup("big") == {"image": big.digest, "number": digest_of(7)}
    assert not store.has(big.digest)
    assert store.content(digest_of(7)) == 7
    assert kept(store) == [1]


def test_a_limit_of_nothing_keeps_digests_alone(tmp_path):
    store = DiskStore(tmp_path / "results", 0)
    store.put("key", {"number": (digest_of(7), 7), "image": (shot(1).digest, shot(1))})
    assert store.lookup("key") == {"number": digest_of(7), "image": shot(1).digest}
    assert (store.content(digest_of(7)), kept(store)) == (GONE, [])


def test_what_a_run_uses_is_not_evicted_before_its_end(store):
    put(store, 1, 2, 3, 4, 5)
    with store.running():
        for shade in (1, 2):
            store.lookup(f"key {shade}")
        assert store.content(shot(3).digest) == shot(3)
        for shade in range(6, 20):
            store.put(f"key {shade}", {"image": (shot(shade).digest, shot(shade))})
        assert {1, 2, 3} < set(kept(store))
        assert held(store) <= store.limit
    put(store, 20, 21, 22, 23, 24)
    assert not {1, 2, 3} & set(kept(store))


def test_runs_that_overlap_keep_what_both_use(store):
    put(store, 1, 2, 3, 4, 5)
    with store.running():
        with store.running():
            store.content(shot(1).digest)
        for shade in range(6, 12):
            store.put(f"key {shade}", {"image": (shot(shade).digest, shot(shade))})
        assert 1 in kept(store)


def test_a_full_store_of_which_everything_is_used_takes_digests_alone(store):
    with store.running():
        for shade in range(8):
            store.put(f"key {shade}", {"image": (shot(shade).digest, shot(shade))})
        assert kept(store) == [0, 1, 2, 3, 4]
        assert store.lookup("key 7") == {"image": shot(7).digest}


USER = """
import sys
from graphflow.store.disk_store import DiskStore
store = DiskStore(sys.argv[1])
(digest,) = store.lookup("key 1").values()
print("used", flush=True)
sys.stdin.read(1)
"""


@pytest.mark.parametrize("end", ["killed", "ended"])
def test_what_another_process_uses_is_not_evicted_before_its_end(end, store):
    put(store, 1, *range(100, 120))
    assert kept(store) == []
    put(store, 1, 2, 3)
    store.close()
    user = subprocess.Popen([sys.executable, "-c", USER, store.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert user.stdout.readline() == b"used\n"
    for shade in range(6, 20):
        put(store, shade)
        assert 1 in kept(store)
        assert held(store) <= store.limit
    if end == "killed":
        user.kill()
    user.communicate()
    put(store, *range(20, 26))
    assert 1 not in kept(store)
    assert len(list((store.folder / "leases").glob("*.lock"))) == (2 if end == "killed" else 1)


def test_the_oldest_actions_go_if_there_are_too_many(tmp_path, clock):
    store = DiskStore(tmp_path / "results", most=20, clock=clock)
    for number in range(30):
        store.put(f"key {number}", {"value": (digest_of(number), number)}, "recipe")
        if number == 10:
            with store.running():
                store.lookup("key 0")
    other = DiskStore(tmp_path / "results")
    known = [number for number in range(30) if other.lookup(f"key {number}")]
    assert 0 in known
    assert 1 not in known
    assert known[-1] == 29
    assert 15 < len(known) <= 20


def test_uses_are_written_down_together_at_the_end_of_a_run(store, monkeypatch):
    put(store, 1, 2, 3)
    writes = []
    write = store.index.write
    monkeypatch.setattr(store.index, "write", lambda act: writes.append(act) or write(act))
    for _ in range(5):
        with store.running():
            for shade in (1, 2, 3):
                store.lookup(f"key {shade}")
                store.content(shot(shade).digest)
    store.close()
    assert len(writes) == 5
