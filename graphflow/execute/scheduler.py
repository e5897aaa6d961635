"""The scheduler: executes a plan in the calling thread, one step at a time.

A step whose recipe the store knows passes on digests alone; a value is read, or made again where the store
lost it, only when a step that runs (or an output of the graph) needs it. A failure stops what depends on it
and nothing else.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import math
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphflow.check.checked import Format, Gather, ItemOf, OutputOf, Source, Value, outputs_in
from graphflow.check.propagate import faults, planned, problem_of
from graphflow.check.refusal import Refusal, outside_list
from graphflow.document.scalars import write_scalar
from graphflow.errors import Cancelled, InvalidValue, StepError
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
from graphflow.execute.keys import recipe_key
from graphflow.execute.pool import Pool
from graphflow.execute.result import Result
from graphflow.execute.step_problems import changed, let_values_go, place_of, step_error, warning, wrong_output
from graphflow.execute.store import GONE, Store
from graphflow.facts import UNKNOWN, facts_of
from graphflow.plan.lifetimes import producers_of
from graphflow.plan.plan import Plan, PlannedStep
from graphflow.problems import Level, Place
from graphflow.values import coerce, describe, digest_of


class _Outside(InvalidValue):
    """An item was asked for that a list has not."""

    def __init__(self, source: ItemOf, count: int) -> None:
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
        self._store = store
        self._pool = pool
        self._listener = listener
        self._cancellation = cancellation or Cancellation()
        count = len(plan.steps)
        self._producers = [producers_of(step) for step in plan.steps]
        self._readers = list(plan.lifetimes.readers)
        self._digests: list[dict[str, str] | None] = [None] * count
        self._values: list[dict[str, Any] | None] = [None] * count
        self._bad: dict[int, str] = {}
        self._waiting = {name: {one.node for one in outputs_in(source)} for name, source in plan.outputs.items()}
        self._shown_by: dict[int, list[str]] = {}
        for name, producers in self._waiting.items():
            for producer in producers:
                self._shown_by.setdefault(producer, []).append(name)
        self._uses = plan.lifetimes.uses

    def execute(self) -> Result:
        """Run all steps.

        Raises:
            Cancelled: the run was cancelled; the result so far is in `result`.
        """
        start = time.perf_counter()
        self.result.state = "cancelled"
        try:
            if self._listener is not None:
                self._tell(RunStarted(tuple(step.path for step in self.plan.steps)))
            for name in [name for name, producers in self._waiting.items() if not producers]:
                self._show(name)
            for number, step in enumerate(self.plan.steps):
                self._cancellation.check()
                self._step(number, step)
            self.result.state = "failed" if self.result.failed else "done"
        except Cancelled as error:
            error.result = self.result
            raise
        finally:
            self.result.seconds = time.perf_counter() - start
            executed = set(self.result.executed)
            # What was in the store's index, but had to be made again, was not taken from the store.
            self.result.cached = [path for path in self.result.cached if path not in executed]
            self._values = []
            self._pool.shrink(self._listener)
            self._tell(RunFinished(self.result.state, self.result.seconds))
        return self.result

    def _tell(self, event: Event) -> None:
        if self._listener is not None:
            self._listener(event)

    # One step

    def _step(self, number: int, step: PlannedStep) -> None:
        missing = next((p for p in sorted(self._producers[number]) if p in self._bad), None) if self._bad else None
        if missing is not None:
            self._not_run(number, step, self._bad[missing])
        elif not self._known(number, step):
            try:
                self._make(number)
            except StepError as error:
                self._failed(number, step, error)
        for producer in self._producers[number]:
            self._release(producer)
        if number in self._shown_by and number not in self._bad:
            for name in self._shown_by[number]:
                self._waiting[name].discard(number)
                if not self._waiting[name]:
                    self._show(name)

    def _known(self, number: int, step: PlannedStep) -> bool:
        """Whether the store has the step's result; its digests are taken over."""
        if self._store is None or not step.cache:
            return False
        record = self._store.lookup(recipe_key(step, self._digests))
        if record is None or not step.wanted <= record.keys():
            return False
        self._digests[number] = dict(record)
        self.result.cached.append(step.path)
        if self._listener is not None:
            self._tell(StepFinished(step.path, 0.0, True, step.also))
        return True

    def _not_run(self, number: int, step: PlannedStep, why: str) -> None:
        self._bad[number] = why
        self.result.not_run[step.path] = why
        self._tell(StepNotRun(step.path, why))
        self._outputs_lost(number, why)

    def _failed(self, number: int, step: PlannedStep, error: StepError) -> None:
        let_values_go(error)
        self._bad[number] = f"{error.step} failed"
        self.result.failed[error.step] = error
        if error.step != step.path:
            # The producer of a value that the store lost failed when it was made again.
            self._not_run(number, step, f"{error.step} failed")
        self._outputs_lost(number, f"{error.step} failed")

    def _outputs_lost(self, number: int, why: str) -> None:
        for name in self._shown_by.get(number, ()):
            self.result.absent.setdefault(name, why)

    def _release(self, producer: int) -> None:
        self._readers[producer] -= 1
        self._let_go(producer, 0)

    # Values

    def _make(self, number: int) -> None:
        """Execute a step, and before it every producer whose value is neither held nor stored any more."""
        lost = self._lost(number)
        uses = Counter(producer for reads in lost.values() for producer in reads)
        try:
            for one in sorted(lost):
                self._cancellation.check()
                self._execute(one, self.plan.steps[one])
                for producer in lost[one]:
                    uses[producer] -= 1
                    self._let_go(producer, uses[producer])
        except StepError:
            for producer in uses:
                self._let_go(producer, 0)
            raise

    def _let_go(self, producer: int, uses: int) -> None:
        if uses <= 0 and self._readers[producer] <= 0:
            self._values[producer] = None

    def _lost(self, number: int) -> dict[int, dict[int, set[str]]]:
        """The step and all below it that has to be made again for it, each with what it reads."""
        found = {number: self._reads(number)}
        pending = [number]
        while pending:
            for producer, outputs in found[pending.pop()].items():
                if producer not in found and not self._fetch(producer, outputs):
                    found[producer] = self._reads(producer)
                    pending.append(producer)
        return found

    def _reads(self, number: int) -> dict[int, set[str]]:
        """Producer → the outputs of it that a step reads."""
        reads: dict[int, set[str]] = {}
        for source in self.plan.steps[number].inputs.values():
            for one in (source,) if type(source) is OutputOf else outputs_in(source):
                reads.setdefault(one.node, set()).add(one.output)
        return reads

    def _fetch(self, producer: int, outputs: set[str]) -> bool:
        """Whether these outputs are held, or could be read from the store just now."""
        held = self._values[producer]
        if held is not None and outputs <= held.keys():
            return True
        digests = self._digests[producer]
        if self._store is None or digests is None:
            return False
        found = {}
        for output in outputs:
            value = self._store.content(digests[output]) if output in digests else GONE
            if value is GONE:
                return False
            found[output] = value
        self._values[producer] = {**(held or {}), **found}
        return True

    def _value(self, source: Source) -> Any:
        if type(source) is OutputOf:
            return self._values[source.node][source.output]  # type: ignore[index]
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

    def _show(self, name: str) -> None:
        """Collect a graph output whose producers are done."""
        source = self.plan.outputs[name]
        producers = {one.node for one in outputs_in(source)}
        try:
            for one in outputs_in(source):
                if not self._fetch(one.node, {one.output}):
                    self._make(one.node)
            value = self._value(source)
        except _Outside as error:
            decl = (self.plan.checked.document.outputs or {}).get(name)
            path = self.plan.steps[error.source.source.node].path
            problem = self._outside(error).at(decl.value.place if decl is not None else Place())
            self.result.failed[path] = StepError(path, problem)
            self.result.absent[name] = problem.message
        except StepError as failure:
            self.result.failed[failure.step] = failure
            self.result.absent[name] = f"{failure.step} failed"
        else:
            self.result.outputs[name] = value
            self._tell(OutputReady(name, value))
        for producer in producers:
            self._release(producer)

    def _outside(self, error: _Outside) -> Refusal:
        source = error.source
        path = self.plan.steps[source.source.node].node.path
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
        if self._store is not None:
            digests = {name: digest_of(value) for name, value in outputs.items()}
            if step.cache:
                key = recipe_key(step, self._digests)
                self._store.put(key, {name: (digests[name], value) for name, value in outputs.items()})
            self._digests[number] = digests
        self.result.executed.append(step.path)
        if self._listener is not None:
            self._tell(StepFinished(step.path, time.perf_counter() - start, False, step.also, outputs))

    def _call(self, number: int, step: PlannedStep) -> dict[str, Any]:
        function = step.function
        try:
            types = function.argument_types
            arguments = {name: coerce(self._value(source), types[name]) for name, source in step.inputs.items()}
            if step.node.verify:
                self._verify(step)
            arguments.update(step.params)
            if function.context is not None:
                arguments[function.context] = self._context(number, step)
            stamps = [(name, value, stamp) for name, value in arguments.items() if (stamp := _stamp(value)) is not None]
            returned = function.call(**arguments)
            for name, value, stamp in stamps:
                if _stamp(value) != stamp:
                    raise changed(step, name)
            return self._outputs(step, returned)
        except (StepError, Cancelled, KeyboardInterrupt):
            raise
        except _Outside as error:
            place, used = place_of(step)
            problem = self._outside(error).at(place)
            raise StepError(step.path, dataclasses.replace(problem, used=used)) from error
        except Exception as error:
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
        problem = warning(step, message, why, fix)
        self.result.warnings.append(problem)
        self._tell(StepWarned(step.path, problem))

    def _next_use(self, identity: str, number: int) -> float:
        """The step from `number` on that uses a component next."""
        steps = self._uses.get(identity, ())
        place = bisect.bisect_left(steps, number)
        return steps[place] if place < len(steps) else math.inf

    def _outputs(self, step: PlannedStep, returned: Any) -> dict[str, Any]:
        names, types = step.function.outputs, step.function.types
        several = len(names) > 1 or hasattr(returned, "_fields")
        values = returned if several else (returned,)
        if not isinstance(values, tuple) or len(values) != len(names):
            raise wrong_output(step, f"it returned {describe(returned)}, and declares {', '.join(names)}")
        outputs = {}
        for name, type_, value in zip(names, types, values, strict=True):
            if value is None and name not in step.wanted:
                continue
            try:
                outputs[name] = coerce(value, type_)
            except InvalidValue as error:
                raise wrong_output(step, f"its output {name} is {type_}, and {error}") from error
        return outputs

    def _verify(self, step: PlannedStep) -> None:
        """Ask the node's rules again, now that values show the facts that were unknown before the run."""
        node = step.node
        facts = {}
        for name in node.sources:
            source = step.ports.get(name)
            known = source is not None and all(
                one.output in (self._values[one.node] or ()) for one in outputs_in(source)
            )
            facts[name] = (
                facts_of(coerce(self._value(source), node.type.ports[name].type))
                if source is not None and known
                else UNKNOWN
            )
        for fault in faults(node, facts, planned(node, facts, node.wanted)):
            problem = problem_of(fault, node, self.plan.checked.nodes)
            if problem.level is Level.PROBLEM:
                raise StepError(step.path, problem)


def _stamp(value: Any) -> Any:
    """What shows that a value was changed in place; None for values that cannot be changed at all."""
    return getattr(value, "version", None)
