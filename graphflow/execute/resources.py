"""Checks of the machine before a plan runs: its device, memory for components, and the libraries that compute."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Self

from graphflow.errors import GraphflowError
from graphflow.execute.loader import import_libraries
from graphflow.plan.plan import Plan
from graphflow.plan.savings import own_bytes
from graphflow.system.device import count_gpus
from graphflow.system.idle_threads import let_idle_threads_sleep
from graphflow.system.malloc import keeping_freed_memory
from graphflow.values.tensors import computing_threads


def check_resources(plan: Plan, budget: int | None) -> None:
    """Refuse a plan that cannot run on this machine, or not within `budget` bytes.

    Raises:
        GraphflowError: a single step needs more than the budget, or the device does not exist.
    """
    device = plan.checked.compute.device
    if plan.uses_torch and device != "cpu":
        _, _, index = device.partition(":")
        if int(index or 0) >= (count := count_gpus()):
            here = f"this machine has {count} GPU{'s' * (count > 1)}" if count else "this machine has no GPU"
            raise GraphflowError(f"the device {device} is not here: {here}; use --device cpu, or leave it out")
    number = plan.lifetimes.largest
    if budget is None or number is None:
        return
    components, computing = own_bytes(plan.steps[number].uses), plan.lifetimes.needs[number]
    if components + computing > budget:
        beside = f", and {computing:,} to compute {plan.steps[number].path}" if computing else ""
        shown = f"{budget:,} bytes, and one step alone needs {components:,} of components{beside}"
        raise GraphflowError(f"the memory budget is too small: it is {shown}; raise it, or choose a smaller dtype")


class Libraries:
    """The libraries that compute, imported and set up for a plan when one of its steps first needs them.

    A run that takes every result from a store needs none of them. Use it as a context manager, in the run's thread.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open = contextlib.ExitStack()
        self.ready = False

    def require(self) -> None:
        """Import the libraries, and set the process and the plan's number of threads for them, if not done yet.

        Raises:
            GraphflowError: a run in another thread computes with another number of threads.
        """
        if self.ready:
            return
        compute = self._plan.checked.compute
        with contextlib.ExitStack() as opened:
            opened.enter_context(keeping_freed_memory(compute.malloc_tuning and compute.device == "cpu"))
            if any(step.uses for step in self._plan.steps):
                import_libraries()
            opened.enter_context(computing_threads(compute.threads))
            self._open = opened.pop_all()
        self.ready = True

    def __enter__(self) -> Self:
        if self._plan.uses_torch:
            # A result from a store may import torch before a step does.
            let_idle_threads_sleep(os.environ)
        # If torch is here already, importing it costs nothing, and a conflict with another run is reported at once.
        if self._plan.uses_torch and "torch" in sys.modules:
            self.require()
        return self

    def __exit__(self, *_: object) -> None:
        self.ready = False
        self._open.close()
