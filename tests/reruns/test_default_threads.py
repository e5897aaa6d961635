"""`rerun --explain` compares the recorded threads with those of another run here, which a container may limit."""

from types import SimpleNamespace

import pytest

from graphflow.record.record_parts import EnvironmentRecord
from graphflow.reruns import explain
from graphflow.system.device import Compute


@pytest.mark.parametrize(("quota", "here"), [(7, ["7"]), (5, [])])
def test_the_quota_of_a_container_is_the_default(monkeypatch, quota, here):
    monkeypatch.setattr(explain, "quota_threads", lambda: quota)
    before = SimpleNamespace(environment=EnvironmentRecord(device="cpu", threads=5))
    known, by_default = explain._machine(before, Compute("cpu", threads=5))
    assert known.threads == 5
    assert [difference.now for difference in by_default if "threads" in difference.cause] == here
