"""Making results: steps are executed, alone or several in one call, after all producers whose values were lost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphflow.errors import StepError
from graphflow.execute.announcer import Announcer
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.environments import Environments
from graphflow.execute.events import MemorySaved, StepFailed, StepFinished, StepStarted, StepWaiting
from graphflow.execute.live_values import Held
from graphflow.execute.memory_measures import MemoryMeasures
from graphflow.execute.recipe_keys import places_of
from graphflow.execute.result import Result
from graphflow.execute.step_call import BatchFailed, Caller
from graphflow.execute.step_problems import batch_failed, free_values
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
        measures: what is done if a step runs out of memory.
        environments: asked before a step computes with torch.
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
        measures: MemoryMeasures,
        environments: Environments,
        announcer: Announcer,
        cancellation: Cancellation,
    ) -> None:
        self.bad: dict[int, str] = {}
        self._steps = list(plan.steps)
        self._measures = measures
        self._result = result
        self._held = held
        self._kept = kept
        self._caller = caller
        self._environments = environments
        self._announcer = announcer
        self._cancellation = cancellation
        self._same_call: dict[int, tuple[int, ...]] = {}

    def obtain(self, numbers: Sequence[int]) -> dict[int, str]:
        """Look up or execute steps of one call; returns the reason for each step that has no result.

        While another process that uses the same store computes one of them, this one waits for its result.
        """
        if self.know(numbers):
            return {}
        waits = False

        def waiting() -> None:
            nonlocal waits
            if not waits:
                self._announcer.send(StepWaiting(self._steps[numbers[0]].path))
            waits = True
            self._cancellation.check()

        steps = {number: self._steps[number] for number in numbers}
        with self._kept.making(steps, places_of(numbers), waiting) as waited:
            return {} if waited and self.know(numbers) else self.make(numbers)

    def know(self, numbers: Sequence[int]) -> bool:
        """Whether the store knows the results of all these steps as computed in one call; if so, they are done."""
        places = places_of(numbers)
        if not all(self._kept.knows(number, self._steps[number], places[number]) for number in numbers):
            return False
        self._remember(numbers)
        for number in numbers:
            step = self._steps[number]
            self._result.cached.append(step.path)
            if self._announcer.listener is not None:
                self._announcer.send(StepFinished(step.path, 0.0, True, step.also, len(numbers)))
        return True

    def make(self, numbers: Sequence[int], *, again: bool = False) -> dict[int, str]:
        """Execute steps in one call, after every producer whose value is no longer held or stored.

        Returns the reason for each step that has no result; a step that failed before is not tried again.

        Args:
            numbers: of steps that may be computed in one call; usually a single one.
            again: whether the store has lost their results, so that looking them up is useless.
        """
        reasons: dict[int, str] = {}
        able = list(numbers)
        lost = self._held.lost(able, self.bad, self._same_call)
        if self.bad and not self.bad.keys().isdisjoint(lost):
            reasons = {number: why for number in numbers if (why := self._blocked(number))}
            able = [number for number in numbers if number not in reasons]
            lost = self._held.lost(able, self.bad, self._same_call)
        uses: dict[int, int] = {}
        for reads in lost.values():
            for producer in reads:
                uses[producer] = uses.get(producer, 0) + 1
        try:
            for unit in self._units(sorted(lost), able):
                late = {number: why for number in unit if (why := self._why_not(lost[number], reasons))}
                reasons |= late
                self._execute([number for number in unit if number not in late], again=again or unit is not able)
                self._free(unit, lost, uses, able)
        finally:
            for producer in uses:
                self._held.free(producer)
        reasons |= {number: self.bad[number] for number in able if number in self.bad}
        return {number: reasons[number] for number in numbers if number in reasons}

    def remake(self, number: int) -> str:
        """Execute a step whose result the store has lost, in one call with the steps that it was computed with.

        Returns the reason why it has no result; empty if it has one.
        """
        return self.make(self._same_call.get(number, (number,)), again=True).get(number, "")

    def _blocked(self, number: int) -> str:
        """The reason why a step cannot be executed: one that it depends on failed before; empty if it can."""
        return next((self.bad[step] for step in sorted(self._held.lost([number], self.bad)) if step in self.bad), "")

    def _why_not(self, producers: Iterable[int], reasons: Mapping[int, str]) -> str:
        """The reason why a step that reads these producers cannot be executed; empty if it can."""
        return next((why for one in producers if (why := self.bad.get(one) or reasons.get(one, ""))), "")

    def _units(self, numbers: Sequence[int], able: list[int]) -> Iterator[list[int]]:
        """The steps that are executed together, producers first."""
        seen: set[int] = set()
        for number in numbers:
            if number not in seen:
                unit = able if number in able else list(self._same_call.get(number, (number,)))
                seen.update(unit)
                yield unit

    def _free(
        self, unit: Sequence[int], lost: Mapping[int, Iterable[int]], uses: dict[int, int], able: Sequence[int]
    ) -> None:
        """Free what only the steps of this unit still needed, and results that were only made beside others."""
        for number in unit:
            for producer in lost[number]:
                uses[producer] -= 1
                if uses[producer] <= 0:
                    self._held.free(producer)
            if number not in able and not uses.get(number):
                self._held.free(number)

    def _execute(self, numbers: Sequence[int], *, again: bool) -> None:
        """Execute steps whose producers' values are held; those that fail are added to `bad`."""
        self._cancellation.check()
        if "torch" in [self._steps[number].function.environment for number in numbers]:
            self._environments.ask()
        if len(numbers) == 1:
            self._alone(numbers[0])
            return
        ready = [number for number in numbers if self._caller.can_call(self._steps[number])]
        if len(ready) < len(numbers):
            self._in_parts([ready, *[[number] for number in numbers if number not in ready]], again=again)
        elif ready:
            self._together(ready, again=again)

    def _alone(self, number: int) -> None:
        step, start = self._steps[number], time.perf_counter()
        listening = self._announcer.listener is not None
        if listening:
            self._announcer.send(StepStarted(step.path))
            self._announce_savings([step])
        try:
            outputs = self._caller.call(number, step)
        except StepError as error:
            failed = error
        else:
            self._done([number], [outputs], start)
            return
        # Outside the handler, so that nothing refers to the failed call's tensors while the step is tried again.
        if failed.problem.code == "out-of-memory":
            free_values(failed)
            if (changed := self._measures.next(number, step)) is not None:
                self._again(number, changed)
                return
        if listening:
            self._announcer.send(StepFailed(step.path, time.perf_counter() - start, failed.problem))
        self._failed(number, failed)

    def _again(self, number: int, changed: PlannedStep) -> None:
        """Try a step again that ran out of memory, unless the store knows the result of the changed step."""
        other = changed.key != self._steps[number].key
        self._steps[number] = changed
        if not other or not self.know([number]):
            self._alone(number)

    def _announce_savings(self, steps: Sequence[PlannedStep]) -> None:
        """Report the measures that the plan takes for these steps."""
        for step in steps:
            for saving in step.savings:
                self._announcer.send(MemorySaved(step.path, saving.measure, saving.why))

    def _together(self, numbers: Sequence[int], *, again: bool) -> None:
        """Compute steps in one call; if that fails, in two if memory ran out, or else one by one."""
        steps, start = [self._steps[number] for number in numbers], time.perf_counter()
        if self._announcer.listener is not None:
            paths = tuple(step.path for step in steps)
            for path in paths:
                self._announcer.send(StepStarted(path, paths))
            self._announce_savings(steps)
        try:
            outputs = self._caller.call_together(numbers, steps)
        except BatchFailed as error:
            failed = error
        else:
            self._done(numbers, outputs, start)
            return
        # Outside the handler, so that nothing refers to the failed call's tensors while its steps are computed again.
        free_values(failed)
        half = (len(numbers) + 1) // 2 if failed.out_of_memory else 1
        if failed.reason:
            self._announcer.warn(steps[0], batch_failed(steps[0], len(steps), half, failed.reason))
        self._in_parts([numbers[first : first + half] for first in range(0, len(numbers), half)], again=again)

    def _in_parts(self, parts: Sequence[Sequence[int]], *, again: bool) -> None:
        for part in parts:
            if part and (again or not self.know(part)):
                self._execute(part, again=again)

    def _done(self, numbers: Sequence[int], outputs: Sequence[dict[str, Any]], start: float) -> None:
        """Hold and keep the results of one call."""
        self._remember(numbers)
        seconds = (time.perf_counter() - start) / len(numbers)
        places = places_of(numbers)
        for number, values in zip(numbers, outputs, strict=True):
            step = self._steps[number]
            self._held.put(number, values)
            self._kept.keep(number, step, values, places[number])
            self._result.executed.append(step.path)
        if self._announcer.listener is not None:
            for number, values in zip(numbers, outputs, strict=True):
                step = self._steps[number]
                self._announcer.send(StepFinished(step.path, seconds, False, step.also, len(numbers), values))

    def _remember(self, numbers: Sequence[int]) -> None:
        """Keep which steps were computed together: alone, the same step gives other bits."""
        for number in numbers if len(numbers) > 1 else ():
            self._same_call[number] = tuple(numbers)

    def _failed(self, number: int, error: StepError) -> None:
        free_values(error)
        self.bad[number] = f"{error.step} failed"
        self._result.failed[error.step] = error
