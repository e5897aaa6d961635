"""Making results: a step is executed, and before it every step below it whose value is lost."""

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
from graphflow.execute.step_problems import let_values_go
from graphflow.execute.store_use import Kept
from graphflow.plan.plan import Plan
from graphflow.plan.step import PlannedStep


class Maker:
    """Makes results of a plan's steps.

    Args:
        plan: what is run.
        result: gets the paths of what was executed or failed.
        held: values of the steps that are done.
        kept: what a store has of the results.
        caller: calls the functions of steps.
        announcer: tells what happens.
        cancellation: asked before every step.

    Attributes:
        bad: number of each step that has no result and will have none → why.
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
        """Execute a step, and before it every producer whose value is neither held nor stored any more.

        Returns why the step's result is not there; empty if it is. What failed once is not tried again.
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
                        self._held.let_go(producer)
            return ""
        finally:
            for producer in uses:
                self._held.let_go(producer)

    def _execute(self, number: int, step: PlannedStep) -> None:
        start = time.perf_counter()
        listening = self._announcer.listener is not None
        if listening:
            self._announcer.tell(StepStarted(step.path))
        try:
            outputs = self._caller.call(number, step)
        except StepError as error:
            if listening:
                self._announcer.tell(StepFailed(step.path, time.perf_counter() - start, error.problem))
            raise
        self._held.put(number, outputs)
        self._kept.keep(number, step, outputs)
        self._result.executed.append(step.path)
        if listening:
            self._announcer.tell(StepFinished(step.path, time.perf_counter() - start, False, step.also, outputs))

    def _failed(self, number: int, error: StepError) -> str:
        let_values_go(error)
        self.bad[number] = f"{error.step} failed"
        self._result.failed[error.step] = error
        return self.bad[number]
