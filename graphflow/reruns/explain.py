"""The reasons why a recorded run may give other bytes on this machine, found without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from graphflow.check.checked import Checked
from graphflow.compare.differences import Difference, differences, environment_differences
from graphflow.errors import FileProblem
from graphflow.plan.plan import plan
from graphflow.problems import Level, Problem
from graphflow.record.describe import describe
from graphflow.record.environment import observed, of_machine
from graphflow.record.record_parts import EnvironmentRecord
from graphflow.record.run_record import RunRecord
from graphflow.reruns.recorded_files import RecordedFile, file_differences
from graphflow.system.device import Compute, count_gpus, default_device
from graphflow.system.free_cores import quota_threads
from graphflow.values.tensors import computing_threads


def explain(
    before: RunRecord,
    checked: Checked | FileProblem,
    files: Sequence[RecordedFile],
    compute: Compute,
    only: Sequence[str],
) -> list[Difference]:
    """Compare the record of a run with the present state; imports torch if the run used it.

    Args:
        before: the record.
        checked: its graph, checked again; it may have problems. An error if it cannot be checked.
        files: the files that it read, as they are now.
        compute: device, precision and threads of the repetition.
        only: the outputs that the repetition makes; empty for all.
    """
    found = list(file_differences(files))
    wrong = _problems(checked)
    if all(file.readable for file in files):
        found += [Difference("graph", "it ran", f"{one.message}: {one.why}".rstrip(": ")) for one in wrong]
    machine, by_default = _machine(before, compute)
    if wrong or isinstance(checked, FileProblem):
        return [*found, *environment_differences(before.environment, machine), *by_default]
    now = describe(plan(checked, only=only))
    if now.environment.device:
        now.environment = machine.model_copy(update={"dtypes": now.environment.dtypes})
    return [*found, *differences(before, now), *by_default]


def _problems(checked: Checked | FileProblem) -> list[Problem | FileProblem]:
    if isinstance(checked, FileProblem):
        return [checked]
    return [problem for problem in checked.problems if problem.level is Level.PROBLEM]


def _machine(before: RunRecord, compute: Compute) -> tuple[EnvironmentRecord, list[Difference]]:
    """The environment of a repetition, and its settings that another run here would not have by default."""
    if not before.environment.device:
        return of_machine(), []
    known = of_machine(compute.device, before.environment.dtypes)
    by_default: list[Difference] = []
    if default_device() != compute.device == before.environment.device:
        by_default.append(_by_default("device", compute.device, default_device()))
    if compute.device != "cpu" and not count_gpus():
        return known, [Difference("device", compute.device, "this machine has no GPU")]
    # The libraries may be missing or damaged, which the versions show already.
    with suppress(ImportError, RuntimeError):
        with computing_threads(None):
            known = observed(known)
            known.threads = quota_threads() or known.threads
        if known.threads != (compute.threads or known.threads) and compute.threads == before.environment.threads:
            by_default.append(_by_default("threads", str(compute.threads), str(known.threads)))
        known.threads = compute.threads or known.threads
    return known, by_default


def _by_default(cause: str, used: str, here: str) -> Difference:
    return Difference(f"{cause} by default", used, here, False, f"a rerun uses {used}; another run here uses {here}")
