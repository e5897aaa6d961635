"""Several processes use one store: each result is computed once, and a process that is killed does no harm."""

import collections
import random
import subprocess
import sys
import threading
import time

import pytest

from graphflow.store.disk_store import DiskStore
from graphflow.store.single_flight import SLOTS, SingleFlight
from graphflow.store.upkeep import Removed, prune, verify
from graphflow.values.any_value import digest_of
from tests.store.pictures import picture

WORKER = """
import random, sys, time
import graphflow as gf
from graphflow.store.disk_store import DiskStore
folder, log, seed = sys.argv[1:]
store = DiskStore(folder)
keys = [f"key {i}" for i in range(24)]
random.Random(seed).shuffle(keys)
print("ready", flush=True)
sys.stdin.readline()
while keys:
    batch = [keys.pop() for _ in range(min(len(keys), 1 + len(keys) % 3))]
    with store.running():
        if all(store.lookup(key) for key in batch):
            continue
        with store.making(batch, lambda: None) as waited:
            batch = [key for key in batch if not waited or store.lookup(key) is None]
            for key in batch:
                time.sleep(0.005)
                value = gf.Image(key.encode().ljust(3000, b"."), 40, 25)
                with open(log, "a") as stream:
                    stream.write(key + "\\n")
                store.put(key, {"image": (value.digest, value)})
for number in range(24):
    (digest,) = store.lookup(f"key {number}").values()
    assert store.content(digest).pixels.startswith(f"key {number}.".encode()), number
"""


def start(program, *arguments):
    """A process that says when it is ready, and begins when it is written to."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdin=pipe, stdout=pipe)


def go(*processes):
    """Let processes begin, as soon as all have imported what they need."""
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()


def test_eight_processes_compute_each_result_once(tmp_path):
    folder, log = tmp_path / "results", tmp_path / "log"
    workers = [start(WORKER, folder, log, seed) for seed in range(8)]
    go(*workers)
    for worker in workers:
        worker.communicate()
    assert [worker.returncode for worker in workers] == [0] * 8
    computed = collections.Counter(log.read_text().splitlines())
    assert computed == {f"key {i}": 1 for i in range(24)}


HOLDER = """
import sys
from graphflow.store.disk_store import DiskStore
with DiskStore(sys.argv[1]).making(["one", "two"], lambda: None):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_a_killed_process_frees_its_keys(tmp_path):
    store = DiskStore(tmp_path)
    holder = start(HOLDER, tmp_path)
    assert holder.stdout.readline() == b"ready\n"
    calls = []

    def waiting():
        calls.append(time.monotonic())
        if len(calls) == 8:
            holder.kill()
            holder.communicate()

    with store.making(["two"], waiting) as waited:
        assert waited
    assert len(calls) < 20
    assert calls[-1] - calls[0] > 0.2


def test_a_wait_can_be_cancelled(tmp_path):
    class Cancelled(Exception):
        pass

    def waiting():
        raise Cancelled

    store, other = DiskStore(tmp_path), DiskStore(tmp_path)
    with store.making(["key"], lambda: None), pytest.raises(Cancelled):  # noqa: SIM117
        with in_another_thread(other, ["key"], waiting):
            pass
    with in_another_thread(other, ["key"], waiting) as waited:
        assert not waited


class in_another_thread:  # noqa: N801
    """`making` as another thread calls it."""

    def __init__(self, store, keys, waiting):
        self._arguments = store, keys, waiting
        self._entered, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._waited, self._error = None, None

    def __enter__(self):
        self._thread.start()
        self._entered.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self._waited

    def __exit__(self, *_):
        self._leave.set()
        self._thread.join()

    def _run(self):
        store, keys, waiting = self._arguments
        try:
            with store.making(keys, waiting) as self._waited:
                self._entered.set()
                self._leave.wait()
        except Exception as error:  # noqa: BLE001
            self._error = error
            self._entered.set()


def test_threads_of_one_store_exclude_each_other(tmp_path):
    store, order = DiskStore(tmp_path), []

    def waiting():
        order.append("waits")
        leave.set()

    leave = threading.Event()

    def hold():
        with store.making(["key"], lambda: None):
            entered.set()
            leave.wait()
            order.append("ends")

    entered = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    with store.making(["key", "other"], waiting) as waited:
        order.append("starts")
    thread.join()
    assert waited
    assert [one for one in order if one != "waits"] == ["ends", "starts"]


def test_a_result_that_came_between_lookup_and_lock_is_found(tmp_path):
    store, other = DiskStore(tmp_path), DiskStore(tmp_path)
    assert store.lookup("key") is None
    other.put("key", {"value": (digest_of(1), 1)})
    with store.making(["key"], lambda: None) as found:
        assert found
        assert store.lookup("key") is not None


def test_a_step_that_runs_a_graph_does_not_wait_for_itself(tmp_path):
    store = DiskStore(tmp_path)
    with store.making(["key"], lambda: None), store.making(["key", "other"], lambda: pytest.fail("it waits")) as waited:
        assert not waited


def test_keys_with_one_lock_are_taken_together(tmp_path):
    by_slot = collections.defaultdict(list)
    flight = SingleFlight(tmp_path)
    for number in range(3 * SLOTS):
        by_slot[flight.slot(f"{number}")].append(f"{number}")
    keys = max(by_slot.values(), key=len)
    assert len(keys) > 3
    with flight.making(keys, lambda: pytest.fail("it waits")):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def acquire(_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("graphflow.store.file_lock.FileLock.acquire", acquire)
    store = DiskStore(tmp_path)
    with store.making(["key"], lambda: None) as waited:
        store.put("key", {"image": (picture().digest, picture())})
    assert not waited
    assert store.content(picture().digest) == picture()
    store.close()


WRITER = """
import sys
import graphflow as gf
from graphflow.store.disk_store import DiskStore
from graphflow.values.any_value import digest_of
store = DiskStore(sys.argv[1], "300kB")
first = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, 10**9):
    value = gf.Image(str(number).encode().ljust(12000, b"."), 80, 50)
    store.lookup(f"key {number - 3}")
    with store.making([f"key {number}"], lambda: None), store.running():
        store.put(f"key {number}", {"image": (value.digest, value), "number": (digest_of(number), number)})
"""


def test_killed_writers_leave_a_store_that_is_sound(tmp_path):
    chance = random.Random(0)
    for trial in range(6):
        writers = [start(WRITER, tmp_path, 1000 * trial + 100 * one) for one in range(2)]
        go(*writers)
        time.sleep(chance.uniform(0.0, 0.12))
        for writer in writers:
            writer.kill()
            writer.communicate()
    store = DiskStore(tmp_path, "300kB")
    assert verify(store).damaged == ()
    prune(store)
    assert prune(store) == Removed()
    assert store.contents.unfinished() == {}
    assert list((tmp_path / "leases").glob("*.lock")) == []
    files = [path for path in (tmp_path / "contents").rglob("*") if path.is_file()]
    ((size,),) = store.index.read("SELECT bytes FROM totals")
    ((inline,),) = store.index.read("SELECT total(bytes) FROM contents WHERE inline IS NOT NULL")
    assert sum(path.stat().st_size for path in files) == size - inline
    assert size <= 300_000
