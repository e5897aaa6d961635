"""Differences of records that can change bytes, and those that cannot."""

from __future__ import annotations

from graphflow.compare.differences import environment_differences
from graphflow.record.record_parts import EnvironmentRecord


def test_variables_for_threads_are_harmless_if_the_threads_are_the_same() -> None:
    variables = [{"OMP_NUM_THREADS": "1", "CUBLAS_WORKSPACE_CONFIG": ":16:8"}, {}]
    before, now = (EnvironmentRecord(device="cpu", threads=2, variables=one) for one in variables)
    assert [(one.cause, one.before, one.now, one.matters) for one in environment_differences(before, now)] == [
        ("variable OMP_NUM_THREADS", "1", "not set", False),
        ("variable CUBLAS_WORKSPACE_CONFIG", ":16:8", "not set", True),
    ]
    now.threads = 4
    assert {one.cause: one.matters for one in environment_differences(before, now)}["variable OMP_NUM_THREADS"]
