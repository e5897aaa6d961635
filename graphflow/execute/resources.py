"""Checks of the machine before a plan runs: its device, memory for components, and the libraries that compute."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from graphflow.errors import GraphflowError
from graphflow.execute.loader import import_libraries
from graphflow.plan.plan import Plan
from graphflow.system.device import count_gpus
from graphflow.values.tensors import computing_threads


def check_resources(plan: Plan, budget: int | None) -> None:
    """Refuse a plan that cannot run on this machine, or not within `budget` bytes of components.

    Raises:
        GraphflowError: a single step needs more than the budget, or the device does not exist.
    """
    device = plan.checked.compute.device
    if plan.uses_torch and device != "cpu":
        _, _, number = device.partition(":")
        if int(number or 0) >= (count := count_gpus()):
            here = f"this machine has {count} GPU{'s' * (count > 1)}" if count else "this machine has no GPU"
            raise GraphflowError(f"the device {device} is not here: {here}; use --device cpu, or leave it out")
    largest = plan.lifetimes.largest
    if budget is not None and largest > budget:
        shown = f"{budget:,} bytes, and one step alone needs {largest:,} of components"
        raise GraphflowError(f"the memory budget is too small: it is {shown}; raise it, or choose a smaller dtype")


@contextlib.contextmanager
def libraries_ready(plan: Plan) -> Iterator[None]:
    """Import the libraries that a plan uses, and set the plan's number of threads.

    Raises:
        GraphflowError: a run in another thread computes with another number of threads.
    """
    if not plan.uses_torch:
        yield
        return
    if any(step.uses for step in plan.steps):
        import_libraries()
    with computing_threads(plan.checked.compute.threads):
        yield
