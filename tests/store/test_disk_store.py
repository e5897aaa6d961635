"""A store on disk keeps results for other processes, and neither damage nor a full disk is an error of the run."""

import errno
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.store.contents import content_id
from graphflow.store.disk_store import DiskStore
from graphflow.store.store import GONE
from graphflow.values.any_value import digest_of
from tests.store.pictures import picture
from tests.store.samples import ALL

LONG = "a long text " * 400
"""Its content is a file; that of a short text is in the index."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


def put(store, key, *values, recipe=""):
    store.put(key, {f"out{i}": (digest_of(value), value) for i, value in enumerate(values)}, recipe)


def got(store, key):
    """The values of a key's result; GONE for those that the store lost, None if it does not know the key."""
    outputs = store.lookup(key)
    return None if outputs is None else tuple(store.content(digest) for digest in outputs.values())


def files(folder):
    return [path for path in (folder / "contents").rglob("*") if path.is_file()]


# Keeping


@pytest.mark.parametrize("name", ALL)
def test_a_result_is_there_for_the_next_store(name, folder):
    value = ALL[name]
    put(DiskStore(folder), "key", value)
    other = DiskStore(folder)
    (back,) = got(other, "key")
    assert digest_of(back) == digest_of(value)
    assert other.has(digest_of(value))


def test_results_are_kept_by_output_and_joined_if_they_come_one_by_one(folder):
    store = DiskStore(folder)
    store.put("key", {"a": ("1", 1)})
    store.put("key", {"b": ("2", 2)})
    assert store.lookup("key") == {"a": "1", "b": "2"}
    assert DiskStore(folder).lookup("key") == {"a": "1", "b": "2"}


def test_an_unknown_key_or_content_is_no_result(folder):
    store = DiskStore(folder)
    assert (store.lookup("key"), store.content("digest"), store.has("digest")) == (None, GONE, False)
    put(store, "key", 1)
    assert (store.lookup("other"), store.content("digest"), store.has("digest")) == (None, GONE, False)


def test_nothing_is_made_before_something_is_stored(folder):
    store = DiskStore(folder)
    assert (store.lookup("key"), store.content("digest"), store.has("digest")) == (None, GONE, False)
    assert (store.knows_recipe("recipe"), store.facts("machine")) == (False, None)
    store.close()
    assert not folder.exists()
    put(store, "key", 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_recipes_are_known(folder):
    put(DiskStore(folder), "key", 1, recipe="recipe")
    put(DiskStore(folder), "other", 1)
    store = DiskStore(folder)
    assert store.knows_recipe("recipe")
    assert not store.knows_recipe("another")
    assert not store.knows_recipe("")


def test_facts_of_machines_are_those_reported_last(folder):
    store = DiskStore(folder)
    store.report("this one", "AVX2")
    store.report("this one", "AVX512")
    assert DiskStore(folder).facts("this one") == "AVX512"
    assert DiskStore(folder).facts("another") is None


def test_the_value_of_another_package_is_known_by_its_digest_alone(folder):
    class Other:
        digest = "other"

    store = DiskStore(folder)
    put(store, "key", Other(), 1)
    assert got(store, "key") == (GONE, 1)
    assert not store.has("other")


def test_the_default_folder_is_beside_the_other_cached_data(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHFLOW_CACHE", str(tmp_path))
    assert DiskStore().folder == tmp_path / "results"


def test_equal_contents_are_stored_once(folder):
    store = DiskStore(folder)
    put(store, "one", LONG)
    put(store, "two", LONG)
    assert len(files(folder)) == 1


def test_a_small_content_has_no_file(folder):
    store = DiskStore(folder)
    put(store, "key", 1, "text", (2.5, None))
    assert files(folder) == []
    assert got(DiskStore(folder), "key") == (1, "text", (2.5, None))


def test_a_limit_that_is_not_a_size_is_refused(folder):
    with pytest.raises(gf.GraphflowError, match="not a size"):
        DiskStore(folder, "much")


def test_a_closed_store_can_be_used(folder):
    store = DiskStore(folder)
    put(store, "key", LONG)
    store.close()
    assert got(store, "key") == (LONG,)
    store.close()


def test_threads_share_a_store(folder):
    store, failed = DiskStore(folder), []

    def work(number):
        try:
            for i in range(30):
                put(store, f"{i}", i, LONG + str(i))
                assert got(store, f"{(i + number) % 30}") in (None, ((i + number) % 30, LONG + str((i + number) % 30)))
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [got(store, str(i)) for i in range(30)] == [(i, LONG + str(i)) for i in range(30)]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_uses_the_store(folder):
    store = DiskStore(folder)
    put(store, "parent", LONG)
    child = os.fork()
    if child == 0:
        put(store, "child", 2)
        os._exit(0 if got(store, "parent") == (LONG,) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert got(store, "child") == (2,)
    put(store, "again", 3)
    assert got(DiskStore(folder), "again") == (3,)


def test_reading_ahead_asks_few_questions(folder, monkeypatch):
    count = 1000
    store = DiskStore(folder)
    for i in range(count):
        put(store, f"key {i}", i)
    store.close()
    queries = []
    read = store.index.read
    monkeypatch.setattr(store.index, "read", lambda *query: queries.append(query) or read(*query))
    monkeypatch.setattr(store.index, "write", lambda act: pytest.fail("lookups write nothing"))
    for _ in range(2):
        assert [store.lookup(f"key {i}") for i in range(count)] == [{"out0": digest_of(i)} for i in range(count)]
    assert len(queries) < 12


# Damage


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "removed", "longer", "another"])
def test_a_damaged_content_is_lost_and_removed(damage, folder):
    store = DiskStore(folder)
    put(store, "key", LONG)
    put(store, "other", LONG + "!")
    file = store.contents.place(content_id(digest_of(LONG)))
    whole = file.read_bytes()
    other = store.contents.place(content_id(digest_of(LONG + "!"))).read_bytes()
    changed = {"cut": whole[:-9], "empty": b"", "longer": whole + b"!", "another": other}
    changed["flipped"] = whole.replace(b"long", b"lung", 1)
    file.write_bytes(changed.get(damage, b""))
    if damage == "removed":
        file.unlink()
    other = DiskStore(folder)
    # Only its size shows without reading it.
    assert other.has(digest_of(LONG)) == (len(changed.get(damage, b"")) == len(whole))
    assert got(other, "key") == (GONE,)
    assert not file.exists()
    assert not other.has(digest_of(LONG))
    put(other, "key", LONG)
    assert got(DiskStore(folder), "key") == (LONG,)


def test_damage_anywhere_in_the_index_is_at_most_a_loss(folder, tmp_path):
    store = DiskStore(folder)
    for i in range(60):
        put(store, f"key {i}", i, LONG if i % 10 == 0 else "short", recipe=f"recipe {i % 3}")
    store.report("machine", "facts")
    store.close()
    folder.rename(tmp_path / "whole")
    whole, chance = (tmp_path / "whole" / "index.sqlite3").read_bytes(), random.Random(0)
    for trial in range(60):
        damaged = bytearray(whole)
        for _ in range(1 + trial % 3):
            place = chance.randrange(100) if trial % 4 == 0 else chance.randrange(len(whole))
            damaged[place] ^= 1 << chance.randrange(8)
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "index.sqlite3").write_bytes(bytes(damaged))
        check_sound(folder)
        shutil.rmtree(folder)


def check_sound(folder):
    """All that is read is right or missing, and the store takes results."""
    store = DiskStore(folder)
    for i in range(60):
        assert got(store, f"key {i}") in (None, *all_losses(i))
        store.knows_recipe(f"recipe {i % 3}")
    assert store.facts("machine") in (None, "facts")
    put(store, "new", LONG + "new", 7)
    assert got(store, "new") == (LONG + "new", 7)
    store.close()
    assert got(DiskStore(folder), "new") in ((LONG + "new", 7), None)


def all_losses(i):
    text = LONG if i % 10 == 0 else "short"
    return [(first, second) for first in (i, GONE) for second in (text, GONE)]


@pytest.mark.parametrize("content", [b"", b"garbage", b"garbage" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_an_index_that_is_not_a_database_is_replaced(content, folder):
    folder.mkdir()
    (folder / "index.sqlite3").write_bytes(content)
    store = DiskStore(folder)
    assert store.lookup("key") is None
    put(store, "key", 1)
    assert got(store, "key") == (1,)
    assert got(DiskStore(folder), "key") == (1,)


def test_a_damaged_index_that_another_process_replaced_is_read(folder):
    folder.mkdir()
    (folder / "index.sqlite3").write_bytes(b"garbage" * 1000)
    store = DiskStore(folder)
    assert store.lookup("key") is None
    put(DiskStore(folder), "key", 1)
    assert got(store, "key") == (1,)


def test_an_index_of_another_version_is_replaced_with_its_contents(folder):
    store = DiskStore(folder)
    put(store, "key", LONG)
    store.close()
    with sqlite3.connect(folder / "index.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    other = DiskStore(folder)
    assert other.lookup("key") is None
    assert len(files(folder)) == 1
    put(other, "new", 1)
    assert files(folder) == []
    assert got(DiskStore(folder), "new") == (1,)


def test_an_index_that_is_removed_while_it_is_used_is_made_again(folder):
    store = DiskStore(folder)
    put(store, "key", LONG)
    shutil.rmtree(folder)
    assert store.content(digest_of(LONG)) is GONE
    put(store, "key", LONG)
    assert got(DiskStore(folder), "key") == (LONG,)


def test_a_locked_index_is_an_empty_one(folder):
    put(DiskStore(folder), "key", 1)
    other = sqlite3.connect(folder / "index.sqlite3", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    store = DiskStore(folder)
    store.index._timeout = 0.1
    assert store.lookup("key") is None
    with pytest.raises(OSError, match="locked"):
        put(store, "new", 2)
    put(store, "new", 2)
    other.close()


# Failures


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_is_reported_once_and_the_store_still_reads(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "store-test", disk], check=True)
    try:
        store = DiskStore(disk / "results")
        put(store, "before", LONG)
        big = picture(0, 1000, 1000)
        with pytest.raises(OSError, match=r"results cannot be stored in .*: No space left on device"):
            put(store, "big", big)
        put(store, "after", 1)
        assert got(store, "before") == (LONG,)
        assert (store.lookup("big"), store.lookup("after")) == (None, None)
        assert store.contents.unfinished() == {}
        store.close()
        assert got(DiskStore(disk / "results"), "before") == (LONG,)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a file system")
def test_a_disk_that_is_too_full_for_the_index_is_reported_once(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "store-test", disk], check=True)
    try:
        store, failures, stored = DiskStore(disk / "results"), [], 0
        for i in range(2000):
            try:
                put(store, f"key {i}", "x" * 1000 + str(i))
                stored += not failures
            except OSError as error:
                failures.append(str(error))
        assert len(failures) == 1
        assert "results cannot be stored" in failures[0]
        assert 50 < stored < 2000
        assert all(got(store, f"key {i}") == ("x" * 1000 + str(i),) for i in range(stored))
    finally:
        store.close()
        subprocess.run(["umount", disk], check=True)


def test_an_error_while_a_content_is_written_leaves_no_file(folder, monkeypatch):
    store = DiskStore(folder)
    put(store, "before", LONG)

    def keep(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.contents, "keep", keep)
    with pytest.raises(OSError, match="No space left on device"):
        put(store, "key", LONG + "2")
    assert store.contents.unfinished() == {}
    assert store.lookup("key") is None
    assert got(store, "before") == (LONG,)


READ_ONLY = """
import sys
from graphflow.store.disk_store import DiskStore
store = DiskStore(sys.argv[1])
(digest,) = store.lookup("key").values()
assert store.content(digest).startswith("a long text")
assert store.has(digest) and store.knows_recipe("recipe") and store.facts("machine") == "facts"
with store.making(["new"], lambda: None) as waited, store.running():
    assert not waited
    try:
        store.put("new", {"value": ("1", 1)})
    except OSError as error:
        print(error)
    store.put("new", {"value": ("1", 1)})
store.report("machine", "others")
assert store.lookup("new") is None
store.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="uses setpriv")
def test_a_read_only_folder_is_read_and_reported_once(folder):
    store = DiskStore(folder)
    put(store, "key", LONG, recipe="recipe")
    store.report("machine", "facts")
    store.close()
    shutil.rmtree(folder / "leases")
    folder.chmod(0o500)
    drop = "-dac_override,-dac_read_search"
    as_others = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if os.geteuid() == 0 else []
    found = subprocess.run(
        [*as_others, sys.executable, "-c", READ_ONLY, folder], capture_output=True, text=True, check=False
    )
    folder.chmod(0o700)
    assert (found.stderr, found.returncode) == ("", 0)
    assert "results cannot be stored" in found.stdout


@pytest.mark.parametrize("place", ["/proc/nothing", "file/results"])
def test_a_folder_that_cannot_be_made_is_reported_once(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    store = DiskStore(place)
    assert (store.lookup("key"), store.content("digest"), store.facts("machine")) == (None, GONE, None)
    with store.making(["key"], lambda: None) as waited:
        assert not waited
        with pytest.raises(OSError, match="results cannot be stored"):
            put(store, "key", 1)
    put(store, "key", 1)
    store.report("machine", "facts")
    store.close()
