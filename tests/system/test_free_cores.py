"""A run on a machine with few free cores hints at fewer threads; it never lowers them itself."""

import math

import pytest

from graphflow.system import device, free_cores
from graphflow.system.device import Compute
from graphflow.system.free_cores import Cores, crowding, expected_threads, quota_threads


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.parametrize(
    ("cores", "free"),
    [
        (Cores(2, 2, 0.1), 2),
        (Cores(2, 2, 0.6), 1),
        (Cores(2, 2, 7.5), 1),
        (Cores(64, 2, 30.0), 2),
        (Cores(64, 2.5, 0.0), 3),
        (Cores(8, 0.25, 0.0), 1),
    ],
)
def test_free_cores_are_those_allowed_and_not_busy(cores, free):
    assert cores.free == free


def test_a_contended_machine_gets_a_hint_with_a_number():
    assert crowding(None, Cores(2, 2, 1.7)) == (
        "hint: torch computes with up to 2 threads, and about 1 of the cores are free\n"
        "  why: this machine has 2 cores, of which 1.7 are busy and this run may use 2; "
        "threads that wait for a core slow down the others\n"
        "  fix: --threads 1 may be faster; results of different numbers differ in some bits"
    )


def test_more_threads_than_a_container_may_use_get_a_hint():
    assert "--threads 2 may be faster" in crowding(16, Cores(64, 2, 0.0))


@pytest.mark.parametrize("asked", [1, 2])
def test_enough_cores_give_no_hint(asked):
    assert crowding(asked, Cores(4, 4, 2.0)) == ""


def test_the_number_of_threads_is_that_of_the_call_then_of_the_variable_then_of_the_cores(monkeypatch):
    cores = Cores(8, 3.5, 0)
    assert expected_threads(None, cores) == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert expected_threads(None, cores) == 2
    assert expected_threads(6, cores) == 6


class Torch:
    def __init__(self, count):
        self.get_num_threads = lambda: count


@pytest.mark.parametrize(
    ("quota", "variables", "present", "threads"),
    [
        (2.0, {}, 8, 2),
        (1.5, {}, 8, 2),
        (0.25, {}, 8, 1),
        (math.inf, {}, 8, None),
        (8.0, {}, 8, None),
        (16.0, {}, 8, None),
        (2.0, {}, 1, None),
        (2.0, {"OMP_NUM_THREADS": "6"}, 8, None),
        (2.0, {"MKL_NUM_THREADS": "6"}, 8, None),
    ],
)
def test_torch_gets_no_more_threads_than_the_quota_is_enough_for(quota, variables, present, threads):
    assert quota_threads(quota, variables, {"torch": Torch(present)}) == threads


def test_before_torch_is_imported_its_number_is_that_of_the_cores(monkeypatch):
    monkeypatch.setattr(free_cores, "_physical_cores", lambda folder: 8)
    assert quota_threads(3.0, {}, {}) == 3
    monkeypatch.setattr(free_cores, "_physical_cores", lambda folder: 3)
    assert quota_threads(3.0, {}, {}) is None


def test_two_processors_of_one_core_count_once(tmp_path, monkeypatch):
    for number, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        (tmp_path / f"cpu{number}/topology").mkdir(parents=True)
        (tmp_path / f"cpu{number}/topology/thread_siblings_list").write_text(siblings)
    monkeypatch.setattr(free_cores, "_allowed_cpus", lambda: {0, 1, 2, 3})
    assert free_cores._physical_cores(tmp_path) == 2
    assert free_cores._physical_cores(tmp_path / "none") == 4


def test_a_call_computes_with_the_threads_of_the_quota_unless_it_names_another_number(monkeypatch):
    monkeypatch.setattr(device, "quota_threads", lambda: 3)
    assert Compute.of("cpu").threads == 3
    assert Compute.of("cpu", threads=5).threads == 5


def test_this_machine_has_a_core():
    assert Cores.now().free >= 1
