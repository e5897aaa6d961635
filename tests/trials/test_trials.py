"""A few of each program's trials, so that no change brings a fault back unseen; many are made by hand."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.trials.checkpoints import LIMITS as OF_CHECKPOINTS
from tests.trials.checkpoints import Checkpoints
from tests.trials.crowd import LIMITS as OF_CROWDS
from tests.trials.crowd import Crowd
from tests.trials.documents import Documents
from tests.trials.kills import LIMITS as OF_PROCESSES
from tests.trials.kills import Kills
from tests.trials.pictures import Pictures
from tests.trials.resumed import LIMITS as OF_RESUMED
from tests.trials.resumed import Resumed
from tests.trials.streams import Streams
from tests.trials.trial import Limits, tried

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals are Linux's")

ENDS = Limits(seconds=10)
"""Seconds of processor time as a bound against what never ends; how fast things are is a question of quiet machines."""


def faults(make, numbers, limits=ENDS, seed=0):
    found = {}
    for tally in tried(make, seed, numbers, limits):
        found = {fault: [number for number, _ in some] for fault, some in tally.faults.items()}
    return found


def test_broken_documents_are_told_with_their_place():
    assert faults(Documents, range(160), seed=3) == {}


def test_explosive_documents_are_told_or_done_soon():
    assert faults(Documents, range(39, 17 * 40, 40)) == {}


def test_check_and_run_say_the_same_of_broken_pictures():
    assert faults(Pictures, range(300)) == {}


def test_mangled_checkpoints_are_told_or_run_with_the_weights_of_their_files():
    assert faults(Checkpoints, range(0, 720, 30), OF_CHECKPOINTS) == {}


@pytest.mark.skipif(shutil.which("bash") is None, reason="the situations are written in bash")
@pytest.mark.parametrize("kind", ["streams", "surroundings", "folders"])
def test_runs_write_what_they_can_whatever_is_closed_or_full(kind, tmp_path):
    cases = Streams(0, tmp_path).cases
    numbers = [number for number, case in enumerate(cases) if case[0] == kind and "without" in case[1]]
    assert faults(Streams, numbers[::6], OF_PROCESSES) == {}


def test_runs_that_are_stopped_leave_a_record_that_can_be_read():
    assert faults(Kills, range(3), OF_PROCESSES) == {}


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_from_its_finished_steps():
    assert faults(Resumed, range(10), OF_RESUMED) == {}


@pytest.mark.slow
def test_eight_runs_at_once_compute_each_step_once():
    assert faults(Crowd, range(1), OF_CROWDS) == {}
