"""Runs whose cache of results is on a full disk: they report it once, and work without it."""

import os
import subprocess
import sys

import pytest

from tests.trials.calls import GRAPHFLOW, pictures

BROKEN = """
import errno, sys
from graphflow.store.contents import Contents

def write(self, parts, process):
    raise OSError(errno.ENOSPC, "No space left on device")

Contents.write = write
from graphflow.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """The pictures of a run without a cache."""
    target = tmp_path_factory.mktemp("right") / "out"
    subprocess.run([*GRAPHFLOW, "run", "selective_color", "--no-cache", "--out", str(target)], check=True)
    return pictures(target)


def run(start, cache, target):
    words = ["run", "selective_color", "--cache", str(cache), "--cache-size", "1GiB", "--out", str(target)]
    done = subprocess.run([*start, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.split("step-warning: ")[1:]


@pytest.fixture
def disk(tmp_path, request):
    """A disk of a few KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "cache", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("disk", [8, 64, 300], indirect=True)
def test_a_run_on_a_full_disk_warns_once_and_writes_its_pictures(disk, tmp_path, right):
    warnings = run(GRAPHFLOW, disk / "cache", tmp_path / "out")
    assert len(warnings) == 1, warnings
    assert "No space left on device" in warnings[0] or "disk is full" in warnings[0]
    assert pictures(tmp_path / "out") == right


def test_a_run_that_cannot_write_a_result_warns_once_and_writes_its_pictures(tmp_path, right):
    warnings = run([sys.executable, "-c", BROKEN], tmp_path / "cache", tmp_path / "out")
    assert len(warnings) == 1, warnings
    assert "No space left on device" in warnings[0]
    assert pictures(tmp_path / "out") == right


def test_nothing_half_written_is_left_on_a_full_disk_after_a_prune(tmp_path, right):
    from tests.trials.caches import left_over

    run([sys.executable, "-c", BROKEN], tmp_path / "cache", tmp_path / "out")
    subprocess.run([*GRAPHFLOW, "cache", "prune", "--cache", str(tmp_path / "cache")], check=True)
    assert left_over(tmp_path / "cache") == ""
