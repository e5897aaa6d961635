"""Making results: a step is executed, after all its producers whose values were lost."""

from __future__ import annotations

import time
from collections import Counter

from graphflow.errors import StepError
from graphflow.execute.announcer import Announcer
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.events import StepFailed, StepFinished, StepStarted
from graphflow.execute.live_values import Held
from graphflow.execute.result import Result
from graphflow.execute.step_call import Caller
from graphflow.execute.step_problems import free_values
from graphflow.execute.store_use import Kept
from graphflow.plan.plan import Plan
from graphflow.plan.step import PlannedStep


class Maker:
    """Makes results of a plan's steps.

    Args:
        plan: the plan that is run.
        result: receives the paths of steps that were executed or failed.
        held: values of the steps that are done.
        kept: results of the plan's steps in a store.
        caller: calls the functions of steps.
        announcer: reports the start and end of each step.
        cancellation: checked before every step.

    Attributes:
        bad: number of each step that will never have a result → the reason.
    """

    def __init__(
        self,
        plan: Plan,
        result: Result,
        held: Held,
        kept: Kept,
        caller: Caller,
        announcer: Announcer,
        cancellation: Cancellation,
    ) -> None:
        self.bad: dict[int, str] = {}
        self._steps = plan.steps
        self._result = result
        self._held = held
        self._kept = kept
        self._caller = caller
        self._announcer = announcer
        self._cancellation = cancellation

    def make(self, number: int) -> str:
        """Execute a step, after every producer whose value is no longer held or stored.

        Returns the reason why the step has no result; empty if it has one. A failed step is not tried again.
        """
        lost = self._held.lost(number, self.bad)
        uses = Counter(producer for reads in lost.values() for producer in reads)
        in_order = sorted(lost)
        try:
            for step in in_order:
                if step in self.bad:
                    return self.bad[step]
            for step in in_order:
                self._cancellation.check()
                try:
                    self._execute(step, self._steps[step])
                except StepError as error:
                    return self._failed(step, error)
                for producer in lost[step]:
                    uses[producer] -= 1
                    if uses[producer] <= 0:
                        self._held.free(producer)
            return ""
        finally:
            for producer in uses:
                self._held.free(producer)

    def _execute(self, number: int, step: PlannedStep) -> None:
        start = time.perf_counter()
        listening = self._announcer.listener is not None
        if listening:
            self._announcer.send(StepStarted(step.path))
        try:
            outputs = self._caller.call(number, step)
        except StepError as error:
            if listening:
                self._announcer.send(StepFailed(step.path, time.perf_counter() - start, error.problem))
            raise
        self._held.put(number, outputs)
        self._kept.keep(number, step, outputs)
        self._result.executed.append(step.path)
        if listening:
            self._announcer.send(StepFinished(step.path, time.perf_counter() - start, False, step.also, outputs))

    def _failed(self, number: int, error: StepError) -> str:
        free_values(error)
        self.bad[number] = f"{error.step} failed"
        self._result.failed[error.step] = error
        return self.bad[number]
