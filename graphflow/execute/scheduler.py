"""The scheduler: executes a plan in the calling thread, one step at a time.

A step whose recipe the store knows passes on digests alone; a value is read, or made again where the store
lost it, only when a step that runs (or an output of the graph) needs it. A failure stops what depends on it
and nothing else; a list output keeps the items that were finished.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import functools
import math
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from graphflow.catalog.rules import faults, planned, problem_of
from graphflow.document.refusal import Refusal, outside_list
from graphflow.document.scalars import write_scalar
from graphflow.errors import InvalidValue, StepError
from graphflow.execute.context import Cancellation, StepContext
from graphflow.execute.events import (
    Event,
    Listener,
    OutputReady,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepNotRun,
    StepProgress,
    StepStarted,
    StepWarned,
)
from graphflow.execute.kept import Kept
from graphflow.execute.pool import Pool
from graphflow.execute.result import Cancelled, Result, items_missing
from graphflow.execute.returned import outputs_of
from graphflow.execute.step_problems import (
    changed,
    let_values_go,
    reason_of,
    step_error,
    store_failed,
    warning,
)
from graphflow.execute.store import GONE, Store
from graphflow.plan.lifetimes import producers_of
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput, StepSource, step_outputs
from graphflow.plan.step import PlannedStep, Recheck
from graphflow.problems import Level, Place, Problem
from graphflow.system.library_turns import TURNS
from graphflow.values.facts import UNKNOWN, facts_of
from graphflow.values.sources import Format, Gather, ItemOf, Value
from graphflow.values.value import coerce

CANCELLED = "the run was cancelled"
"""Why an item or an output of a cancelled run is missing."""


class _Outside(InvalidValue):
    """A source reads an item beyond the end of a list."""

    def __init__(self, source: ItemOf[StepOutput], count: int) -> None:
        self.source, self.count = source, count
        super().__init__(f"item {source.item} was asked for, and the list has {count}")


class Run:
    """One execution of a plan.

    Args:
        plan: what to do.
        store: where results are looked up and kept; None keeps nothing and computes no keys.
        pool: where components are borrowed.
        listener: called with every event, in this thread.
        cancellation: stops the run between steps and at every progress.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        store: Store | None,
        pool: Pool,
        listener: Listener | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.plan = plan
        self.result = Result(plan.checked.seed, skipped=dict(plan.skipped), absent=dict(plan.absent))
        self._pool = pool
        self._listener = listener
        self._cancellation = cancellation or Cancellation()
        count = len(plan.steps)
        self._producers = [producers_of(step) for step in plan.steps]
        self._readers = list(plan.lifetimes.readers)
        self._kept = Kept(store, count, self._store_failed)
        self._values: list[dict[str, Any] | None] = [None] * count
        self._bad: dict[int, str] = {}
        self._listener_error: Exception | None = None
        self._waiting = {name: {one.step for one in step_outputs(source)} for name, source in plan.outputs.items()}
        self._shown_by: dict[int, list[str]] = {}
        for name, producers in self._waiting.items():
            for producer in producers:
                self._shown_by.setdefault(producer, []).append(name)
        self._uses = plan.lifetimes.uses

    def execute(self) -> Result:
        """Run all steps.

        Raises:
            Cancelled: the run was cancelled; the result so far is in `result`.
            Exception: whatever the listener raised; the run ends there, and `result` has the state `error`.
        """
        start = time.perf_counter()
        self.result.state = "cancelled"
        try:
            self._execute_all(start)
        except (Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.result.error = reason_of(error)
            # A listener that failed may fail again, and its first failure is the one to tell.
            with contextlib.suppress(Exception):
                self._end("error", start)
            raise
        finally:
            self._values = []
            self._kept.end()
        return self.result

    def _execute_all(self, start: float) -> None:
        try:
            if self._listener is not None:
                self._tell(RunStarted(tuple(step.path for step in self.plan.steps)))
            for name in [name for name, producers in self._waiting.items() if not producers]:
                self._show(name)
            for number, step in enumerate(self.plan.steps):
                self._cancellation.check()
                self._step(number, step)
            self._end("failed" if self.result.failed else "done", start)
        except (Cancelled, KeyboardInterrupt) as error:
            if isinstance(error, Cancelled):
                error.result = self.result
            for name in [name for name, producers in self._waiting.items() if producers]:
                self._show(name, cancelled=True)
            self._end("cancelled", start)
            raise

    def _end(self, state: Literal["done", "failed", "cancelled", "error"], start: float) -> None:
        self.result.state = state
        self.result.seconds = time.perf_counter() - start
        # What was in the store's index, but had to be made again, was not taken from the store.
        made = {*self.result.executed, *self.result.failed}
        self.result.cached = [path for path in self.result.cached if path not in made]
        self._values = []
        self._pool.shrink(self._listener)
        self._tell(RunFinished(state, self.result.seconds))

    def _tell(self, event: Event) -> None:
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception as error:
            # A step that reports its progress must not take this for a failure of its own, nor catch it.
            self._listener_error = error
            raise

    def _store_failed(self, step: PlannedStep, error: Exception) -> None:
        self._warn(step, store_failed(step, error))

    # One step

    def _step(self, number: int, step: PlannedStep) -> None:
        if self._kept.knows(number, step):
            self.result.cached.append(step.path)
            if self._listener is not None:
                self._tell(StepFinished(step.path, 0.0, True, step.also))
        else:
            why = self._make(number)
            if why and number not in self._bad:
                self._not_run(number, step, why)
        for producer in self._producers[number]:
            self._release(producer)
        for name in self._shown_by.get(number, ()):
            self._waiting[name].discard(number)
            if not self._waiting[name]:
                self._show(name)

    def _not_run(self, number: int, step: PlannedStep, why: str) -> None:
        self._bad[number] = why
        self.result.not_run[step.path] = why
        self._tell(StepNotRun(step.path, why))

    def _failed(self, number: int, error: StepError) -> str:
        let_values_go(error)
        self._bad[number] = f"{error.step} failed"
        self.result.failed[error.step] = error
        return self._bad[number]

    def _release(self, producer: int) -> None:
        self._readers[producer] -= 1
        self._let_go(producer, 0)

    # Values

    def _make(self, number: int) -> str:
        """Execute a step, and before it every producer whose value is neither held nor stored any more.

        Returns why the step's result is not there; empty where it is. What failed once is not tried again.
        """
        lost = self._lost(number)
        uses = Counter(producer for reads in lost.values() for producer in reads)
        bad = [one for one in sorted(lost) if one in self._bad]
        try:
            if bad:
                return self._bad[bad[0]]
            for one in sorted(lost):
                self._cancellation.check()
                try:
                    self._execute(one, self.plan.steps[one])
                except StepError as error:
                    return self._failed(one, error)
                for producer in lost[one]:
                    uses[producer] -= 1
                    self._let_go(producer, uses[producer])
            return ""
        finally:
            for producer in uses:
                self._let_go(producer, 0)

    def _let_go(self, producer: int, uses: int) -> None:
        if uses <= 0 and self._readers[producer] <= 0:
            self._values[producer] = None

    def _lost(self, number: int) -> dict[int, dict[int, set[str]]]:
        """The step and all below it that has to be made again for it, each with what it reads.

        The inputs of a failed step are not looked at, since it is not made again.
        """
        found = {number: self._reads(number)}
        pending = [number]
        while pending:
            one = pending.pop()
            for producer, outputs in found[one].items() if one not in self._bad else ():
                if producer not in found and not self._fetch(producer, outputs):
                    found[producer] = self._reads(producer)
                    pending.append(producer)
        return found

    def _reads(self, number: int) -> dict[int, set[str]]:
        """Producer → the outputs of it that a step reads."""
        reads: dict[int, set[str]] = {}
        for source in self.plan.steps[number].inputs.values():
            for one in (source,) if type(source) is StepOutput else step_outputs(source):
                reads.setdefault(one.step, set()).add(one.output)
        return reads

    def _fetch(self, producer: int, outputs: set[str]) -> bool:
        """Whether these outputs are held, or could be read from the store just now."""
        held = self._values[producer]
        if held is not None and outputs <= held.keys():
            return True
        found = {}
        for output in outputs:
            found[output] = self._kept.content(producer, self.plan.steps[producer], output)
            if found[output] is GONE:
                return False
        self._values[producer] = {**(held or {}), **found}
        return True

    def _value(self, source: StepSource) -> Any:
        if type(source) is StepOutput:
            return self._values[source.step][source.output]  # type: ignore[index]
        if isinstance(source, Value):
            return source.value
        if isinstance(source, Gather):
            return tuple([self._value(item) for item in source.items])
        if isinstance(source, ItemOf):
            whole = self._value(source.source)
            if source.item >= len(whole):
                raise _Outside(source, len(whole))
            return whole[source.item]
        if isinstance(source, Format):
            return "".join(
                [part if isinstance(part, str) else write_scalar(self._value(part)) for part in source.parts]
            )
        raise TypeError(f"{source} has no value")

    def _show(self, name: str, *, cancelled: bool = False) -> None:
        """Collect a graph output whose producers are done; after a cancellation, as much of it as there is."""
        source = self.plan.outputs[name]
        items = source.items if isinstance(source, Gather) else (source,)
        found: dict[int, Any] = {}
        missing: dict[int, str] = {}
        for index, item in enumerate(items):
            why = self._unready(name, item, cancelled=cancelled)
            try:
                if not why:
                    found[index] = self._value(item)
            except _Outside as error:
                why = self._failed_outside(name, error)
            if why:
                missing[index] = why
        if not missing:
            self.result.outputs[name] = tuple(found.values()) if isinstance(source, Gather) else found[0]
            self._tell(OutputReady(name, self.result.outputs[name]))
        elif found:
            self.result.partial[name], self.result.missing[name] = found, missing
            self.result.absent[name] = items_missing(missing, len(items))
            self._tell(OutputReady(name, tuple(found.values()), tuple(found)))
        else:
            self.result.absent[name] = next((why for why in missing.values() if why != CANCELLED), CANCELLED)
        for producer in {one.step for one in step_outputs(source)}:
            self._release(producer)

    def _unready(self, name: str, source: StepSource, *, cancelled: bool) -> str:
        """Why a graph output has no value, after trying to fetch or make what it reads; empty where it has one."""
        for one in step_outputs(source):
            if one.step in self._bad:
                return self._bad[one.step]
            if one.step in self._waiting[name]:
                return CANCELLED
            if not self._fetch(one.step, {one.output}):
                why = CANCELLED if cancelled else self._make(one.step)
                if why:
                    return why
        return ""

    def _failed_outside(self, name: str, error: _Outside) -> str:
        """A graph output reads an item beyond the end of a list: a failure of the step that made the list."""
        decl = (self.plan.checked.document.outputs or {}).get(name)
        path = self.plan.steps[error.source.source.step].path
        problem = self._outside(error).at(decl.value.place if decl is not None else Place())
        self.result.failed[path] = StepError(path, problem)
        return problem.message

    def _outside(self, error: _Outside) -> Refusal:
        source = error.source
        path = self.plan.steps[source.source.step].node.path
        return outside_list(f"${path}.{source.source.output}", source.item, error.count)

    # Execution

    def _execute(self, number: int, step: PlannedStep) -> None:
        start = time.perf_counter()
        if self._listener is not None:
            self._tell(StepStarted(step.path))
        try:
            outputs = self._call(number, step)
        except StepError as error:
            if self._listener is not None:
                self._tell(StepFailed(step.path, time.perf_counter() - start, error.problem))
            raise
        self._values[number] = outputs
        self._kept.keep(number, step, outputs)
        self.result.executed.append(step.path)
        if self._listener is not None:
            self._tell(StepFinished(step.path, time.perf_counter() - start, False, step.also, outputs))

    def _call(self, number: int, step: PlannedStep) -> dict[str, Any]:
        function = step.function
        try:
            types = function.argument_types
            arguments = {name: coerce(self._value(source), types[name]) for name, source in step.inputs.items()}
            if step.recheck is not None:
                self._verify(step, step.recheck)
            arguments.update(step.params)
            if function.context is not None:
                arguments[function.context] = self._context(number, step)
            stamps = [(name, value, stamp) for name, value in arguments.items() if (stamp := _stamp(value)) is not None]
            with TURNS.computing(_kind_of(step)) if function.environment == "torch" else contextlib.nullcontext():
                returned = function.call(**arguments)
            self._listeners_own()
            for name, value, stamp in stamps:
                if _stamp(value) != stamp:
                    raise changed(step, name)
            return outputs_of(step, returned)
        except (StepError, Cancelled):
            self._listeners_own()
            raise
        except _Outside as error:
            problem = self._outside(error).at(step.node.place)
            raise StepError(step.path, dataclasses.replace(problem, used=step.node.used)) from error
        except Exception as error:
            self._listeners_own()
            raise step_error(step, error) from error

    def _context(self, number: int, step: PlannedStep) -> StepContext:
        components: Mapping[str, Any] = {}
        if step.uses:
            components = self._pool.borrow(
                step.uses,
                lambda identity: self._next_use(identity, number),
                self._listener,
                self._cancellation.check,
            )
        report = None
        if self._listener is not None:
            report = lambda done, total: self._tell(StepProgress(step.path, done, total))  # noqa: E731
        warn = functools.partial(self._warned, step)
        return StepContext(step.path, step.wanted, self._cancellation, report, components, warn)

    def _warned(self, step: PlannedStep, message: str, why: str, fix: str) -> None:
        self._warn(step, warning(step, message, why, fix))

    def _warn(self, step: PlannedStep, problem: Problem) -> None:
        self.result.warnings.append(problem)
        self._tell(StepWarned(step.path, problem))

    def _listeners_own(self) -> None:
        """Raise what the listener raised during a step, whatever the step made of it."""
        if self._listener_error is not None:
            raise self._listener_error

    def _next_use(self, identity: str, number: int) -> float:
        """The step from `number` on that uses a component next."""
        steps = self._uses.get(identity, ())
        place = bisect.bisect_left(steps, number)
        return steps[place] if place < len(steps) else math.inf

    def _verify(self, step: PlannedStep, recheck: Recheck) -> None:
        """Ask the node's rules again, now that values show the facts that were unknown before the run."""
        node, facts = step.node, {}
        for name, source in recheck.ports.items():
            facts[name] = UNKNOWN
            if source is not None and all(one.output in (self._values[one.step] or ()) for one in step_outputs(source)):
                facts[name] = facts_of(coerce(self._value(source), node.type.ports[name].type))
        for fault in faults(node.type, facts, planned(node, facts, recheck.wanted)):
            place = recheck.places.get(fault.about, node.place)
            problem = problem_of(fault, node, place, recheck.senders.get(fault.about, "the value given"))
            if problem.level is Level.PROBLEM:
                raise StepError(step.path, problem)


def _kind_of(step: PlannedStep) -> int:
    """A number for what decides which parts of the libraries a step imports: its function, and its params in words."""
    kinds = {
        name: value if isinstance(value, str) else getattr(value, "kind", None) for name, value in step.params.items()
    }
    words = [f"{name} {kind}" for name, kind in kinds.items() if kind is not None]
    return hash((step.function.identity, *words))


def _stamp(value: Any) -> Any:
    """What shows that a value was changed in place; None for values that cannot be changed at all."""
    return getattr(value, "version", None)
