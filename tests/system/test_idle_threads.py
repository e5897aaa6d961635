"""Threads that wait sleep, if nobody has said how they wait before torch is imported."""

import os
import subprocess
import sys

import pytest

from graphflow.system.idle_threads import WAITING, let_idle_threads_sleep

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads of torch wait in another way")


@linux
def test_idle_threads_sleep_by_default():
    variables = {"OMP_NUM_THREADS": "2"}
    let_idle_threads_sleep(variables, ())
    assert variables == {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize("name", WAITING)
def test_the_users_own_variable_is_respected(name):
    variables = {name: "1"}
    let_idle_threads_sleep(variables, ())
    assert variables == {name: "1"}


def test_nothing_changes_once_torch_has_read_the_variables():
    variables = {}
    let_idle_threads_sleep(variables, ("torch",))
    assert variables == {}


@linux
def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    variables = {}
    let_idle_threads_sleep(variables, ())
    assert variables == {}


@linux
@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_a_run_sets_the_variable_before_it_imports_torch(given, policy):
    own = {name: value for name, value in os.environ.items() if name not in WAITING}
    code = """
import os, sys
import graphflow as gf
from graphflow.execute.resources import Libraries
assert "OMP_WAIT_POLICY" not in os.environ or os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
with Libraries(gf.load("text2img").plan()):
    assert "torch" not in sys.modules
    print(os.environ["OMP_WAIT_POLICY"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**own, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == policy
