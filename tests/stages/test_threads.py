"""Two engines in two threads of one process: loading, thread counts and settings of libraries do not meet."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkpoint(tiny: Callable[[str], Path]) -> Path:
    return tiny("sd")


def fresh(checkpoint: Path, threads: int, rounds: int, *counts: int, **environment: str) -> dict[str, Any]:
    """What `two_engines` tells in a process of its own."""
    words = [str(checkpoint), str(threads), str(rounds), *map(str, counts)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.stages.two_engines", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def alone(checkpoint: Path) -> dict[str, Any]:
    found = fresh(checkpoint, 1, 1)
    assert len(found["told"][0]) == 64
    return found


def test_two_cold_engines_in_two_threads_give_what_one_gives(checkpoint: Path, alone: dict[str, Any]) -> None:
    both = fresh(checkpoint, 2, 3)
    assert both["told"] == alone["told"] * 6
    assert {**both, "told": 0} == {**alone, "told": 0}


def test_engines_with_one_number_of_threads_run_side_by_side_and_leave_no_trace(
    checkpoint: Path, alone: dict[str, Any]
) -> None:
    both = fresh(checkpoint, 2, 2, 2, 2)
    assert len(both["told"]) == 4
    assert len(set(both["told"])) == 1
    assert len(both["told"][0]) == 64
    assert {**both, "told": 0} == {**alone, "told": 0}


def test_engines_with_different_numbers_of_threads_do_not_run_at_once(checkpoint: Path, alone: dict[str, Any]) -> None:
    both = fresh(checkpoint, 2, 1, 2, 3)
    ran, refused = sorted(both["told"], key=len)
    assert len(ran) == 64
    assert "cannot compute with different numbers of threads" in refused
    assert re.search("2 in a run .* 3 in this one|3 in a run .* 2 in this one", refused)
    assert {**both, "told": 0} == {**alone, "told": 0}
