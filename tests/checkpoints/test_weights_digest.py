"""Weights by content: digests by name, and the cache only where whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from graphflow.checkpoints import weights_digest
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.weights_digest import digest_of_files, tensor_digests
from graphflow.system.cache_folder import CACHE_VARIABLE
from graphflow.system.files import write_atomically
from graphflow.system.free_cores import Cores
from tests.checkpoints.safetensors_files import file, tensor


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose weights are read."""
    found: list[Path] = []
    digests = weights_digest._digests

    def counting(path, *arguments):
        found.append(path)
        return digests(path, *arguments)

    monkeypatch.setattr(weights_digest, "_digests", counting)
    return found


def two(folder: Path) -> list[Path]:
    """Two files of equal size with other weights."""
    header = {"x": tensor(0, 4), "y": tensor(4, 8)}
    return [file(folder / f"{one}.safetensors", header, bytes([one, 2, 3, 4, 5, 6, 7, 8])) for one in (0, 1)]


def test_weights_are_read_once_and_what_was_found_is_on_the_disk(tmp_path, cache, reads):
    first, other = two(tmp_path)
    assert tensor_digests(first) == tensor_digests(first) != tensor_digests(other)
    assert reads == [first, other]
    assert len(list(cache.iterdir())) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def lose_a_tensor(path: Path) -> None:
    first, _, body = path.read_bytes().partition(b"\n")
    key, digests = json.loads(body)
    del digests["x"]
    path.write_bytes(first + b"\n" + json.dumps([key, digests]).encode())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    """A whole entry of another file in the place of this one."""
    (other,) = (one for one in path.parent.iterdir() if one != path)
    path.write_bytes(other.read_bytes())


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def into_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "blank": lambda path: path.write_bytes(b"\n"),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x80" * 30),
    "of an earlier version": lambda path: path.write_text("0" * 64 + "\n" + "1" * 64),
    "nested deep": lambda path: path.write_bytes(b"[" * 100_000),
    "cut": cut,
    "a tensor lost": lose_a_tensor,
    "a bit flipped": flip,
    "another's": swap,
    "a folder": into_folder,
    "a pipe": into_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("in_time")
def test_damaged_cache_is_a_miss_and_is_written_anew(damage, tmp_path, cache, reads):
    files = two(tmp_path)
    expected = [digest_of_files([one]) for one in files]
    assert expected[0] != expected[1]
    whole = {path: path.read_bytes() for path in cache.iterdir()}
    for path in whole:
        if damage == "another's" and path.read_bytes() != whole[path]:
            continue
        DAMAGES[damage](path)
    reads.clear()
    assert [digest_of_files([one]) for one in files] == expected
    assert len(reads) == (1 if damage == "another's" else 2)
    if damage != "a folder":
        assert {path: path.read_bytes() for path in cache.iterdir()} == whole


def test_cache_that_cannot_be_written_to_costs_time_only(tmp_path, monkeypatch, reads):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    first, _ = two(tmp_path)
    assert tensor_digests(first) == tensor_digests(first)
    assert len(reads) == 2


def test_digest_of_a_changed_file_is_made_anew(tmp_path, cache):
    first, other = two(tmp_path)
    before, aim = digest_of_files([first]), digest_of_files([other])
    first.write_bytes(other.read_bytes())
    assert digest_of_files([first]) == aim != before


def test_names_count_and_order_and_spread_do_not(tmp_path, cache):
    one, two_ = bytes([1, 2, 3, 4]), bytes([5, 6, 7, 8])
    header = {"x": tensor(0, 4), "y": tensor(4, 8)}
    straight = file(tmp_path / "straight.safetensors", header, one + two_)
    swapped = file(tmp_path / "swapped.safetensors", header, two_ + one)
    other_order = file(tmp_path / "order.safetensors", {"y": tensor(0, 4), "x": tensor(4, 8)}, two_ + one)
    shards = [
        file(tmp_path / f"{name}.safetensors", {name: tensor(0, 4)}, data) for name, data in (("y", two_), ("x", one))
    ]
    whole = digest_of_files([straight])
    assert digest_of_files([other_order]) == digest_of_files(shards) == whole
    assert digest_of_files([swapped]) != whole
    exchanged = {"x": "y", "y": "x"}
    assert digest_of_files([swapped], exchanged.get) == whole
    assert digest_of_files([straight], lambda name: None if name == "x" else name) == digest_of_files([shards[0]])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to a pipe"])
@pytest.mark.usefixtures("in_time")
def test_what_is_no_regular_file_is_refused_and_not_waited_for(kind, tmp_path):
    path = tmp_path / "a.safetensors"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe") if "link" in kind else (tmp_path / "pipe").rename(path)
    with pytest.raises(
        ValueError, match={"pipe": "a pipe", "device": "a device", "folder": "a folder"}[kind.split()[-1]]
    ):
        Tensors.of(path)


def test_digests_need_neither_torch_nor_numpy(tmp_path):
    first, _ = two(tmp_path)
    code = (
        "import sys; from pathlib import Path; from graphflow.checkpoints.weights_digest import digest_of_files\n"
        f"digest_of_files([Path({str(first)!r})]); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


def test_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    """Else a power cut leaves an empty file under the name."""
    done = []
    for owner, name in ((os, "fsync"), (Path, "replace")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, real=real, name=name: (done.append(name), real(*given))[1])
    write_atomically(tmp_path / "a", b"content")
    assert done == ["fsync", "replace"]
    assert (tmp_path / "a").read_bytes() == b"content"


@pytest.mark.parametrize("large", [True, False])
def test_tensors_of_a_large_file_are_hashed_at_the_same_time(tmp_path, cache, monkeypatch, large):
    path = two(tmp_path)[0]
    expected = dict(tensor_digests(path))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "other"))
    monkeypatch.setattr(weights_digest, "LARGE", path.stat().st_size if large else path.stat().st_size + 1)
    monkeypatch.setattr(weights_digest.Cores, "now", lambda: Cores(total=2, allowed=2.0, busy=0.0))
    both, threads = threading.Barrier(2), set()
    pieces = weights_digest._pieces

    def waiting(*arguments):
        threads.add(threading.get_ident())
        if large:
            both.wait(timeout=10)
        return pieces(*arguments)

    monkeypatch.setattr(weights_digest, "_pieces", waiting)
    assert tensor_digests(path) == expected
    assert len(threads) == (2 if large else 1)
