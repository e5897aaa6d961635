"""A run on a machine with few free cores hints at fewer threads; it never lowers them itself."""

import math

import pytest

from graphflow.system.free_cores import Cores, _quota, crowding, expected_threads


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


@pytest.mark.parametrize(
    ("text", "quota"), [("max 100000", math.inf), ("150000 100000", 1.5), ("", math.inf), ("x", math.inf)]
)
def test_the_quota_of_a_container_is_read(tmp_path, text, quota):
    (tmp_path / "cpu.max").write_text(text)
    assert _quota(tmp_path / "cpu.max") == quota
    assert _quota(tmp_path / "none") == math.inf


def test_this_machine_has_a_core():
    assert Cores.now().free >= 1
