"""The outputs of a graph: each, and each item of a list, is announced as soon as all steps that it reads are done."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from graphflow.errors import StepError
from graphflow.execute.announcer import Announcer
from graphflow.execute.events import ItemReady, OutputReady
from graphflow.execute.live_values import Held, Outside
from graphflow.execute.maker import Maker
from graphflow.execute.result import Result, items_missing
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepSource, step_outputs
from graphflow.problems import NOWHERE
from graphflow.values.sources import Gather

CANCELLED = "the run was cancelled"
"""Why an item or an output of a cancelled run is missing."""


class GraphOutputs:
    """Collects the outputs of a plan's graph into its result.

    Args:
        plan: the plan that is run.
        result: receives the outputs.
        held: values of the steps that are done.
        maker: computes values again that were lost.
        announcer: reports every output that is available.
    """

    def __init__(self, plan: Plan, result: Result, held: Held, maker: Maker, announcer: Announcer) -> None:
        self._plan = plan
        self._result = result
        self._held = held
        self._maker = maker
        self._announcer = announcer
        self._waiting = {name: {read.step for read in step_outputs(source)} for name, source in plan.outputs.items()}
        self._shown_by: dict[int, list[str]] = {}
        for name, producers in self._waiting.items():
            for producer in producers:
                self._shown_by.setdefault(producer, []).append(name)
        self._items = _Items(plan)

    def start(self) -> None:
        """Announce the outputs that read no step, and such items."""
        self._show_items(self._items.first())
        for name in [name for name, producers in self._waiting.items() if not producers]:
            self._show(name)

    def done(self, number: int) -> None:
        """Announce the items and then the outputs whose last unfinished step was this one."""
        names = self._shown_by.get(number)
        if names is None:
            # Most steps are read by other steps only.
            return
        for name in names:
            self._waiting[name].discard(number)
        self._show_items(self._items.done(number))
        for name in names:
            if not self._waiting[name]:
                self._show(name)

    def cancel(self) -> None:
        """Announce the finished items of all outputs that are not complete."""
        for name in [name for name, producers in self._waiting.items() if producers]:
            self._show(name, cancelled=True)

    def _show_items(self, items: Iterable[tuple[str, int]]) -> None:
        """Announce items of lists; those without a value are reported with the whole list."""
        if self._announcer.listener is None:
            return
        for name, item in items:
            source = self._items.source(name, item)
            if not self._unready(name, source, cancelled=False):
                with suppress(Outside):
                    self._announcer.send(ItemReady(name, item, self._held.value(source)))

    def _show(self, name: str, *, cancelled: bool = False) -> None:
        source = self._plan.outputs[name]
        items = source.items if isinstance(source, Gather) else (source,)
        values: dict[int, Any] = {}
        missing: dict[int, str] = {}
        for index, item in enumerate(items):
            why = self._unready(name, item, cancelled=cancelled)
            try:
                if not why:
                    values[index] = self._held.value(item)
            except Outside as error:
                why = self._failed_outside(name, error)
            if why:
                missing[index] = why
        result = self._result
        if not missing:
            result.outputs[name] = tuple(values.values()) if isinstance(source, Gather) else values[0]
            self._announcer.send(OutputReady(name, result.outputs[name]))
        elif values:
            result.partial[name], result.missing[name] = values, missing
            result.absent[name] = items_missing(missing, len(items))
            self._announcer.send(OutputReady(name, tuple(values.values()), tuple(values)))
        else:
            result.absent[name] = next((why for why in missing.values() if why != CANCELLED), CANCELLED)
        for producer in {read.step for read in step_outputs(source)}:
            self._held.release(producer)

    def _unready(self, name: str, source: StepSource, *, cancelled: bool) -> str:
        """The reason why a source has no value, after trying to fetch or compute what it reads; empty if it has one."""
        for read in step_outputs(source):
            if read.step in self._maker.bad:
                return self._maker.bad[read.step]
            if read.step in self._waiting[name]:
                return CANCELLED
            if not self._held.fetch(read.step, {read.output}):
                why = CANCELLED if cancelled else self._maker.remake(read.step)
                if why:
                    return why
        return ""

    def _failed_outside(self, name: str, error: Outside) -> str:
        """Record a failure of the step that made a list, because an output reads an item beyond the end of it."""
        decl = (self._plan.checked.document.outputs or {}).get(name)
        problem = error.refusal.at(decl.value.place if decl is not None else NOWHERE)
        path = self._plan.steps[error.step].path
        self._result.failed[path] = StepError(path, problem)
        return problem.message


class _Items:
    """The items of the outputs that are lists, each with the unfinished steps that it reads.

    Args:
        plan: the plan that is run.
    """

    def __init__(self, plan: Plan) -> None:
        self._lists: dict[str, tuple[StepSource, ...]] = {
            name: source.items for name, source in plan.outputs.items() if isinstance(source, Gather)
        }
        self._waiting: dict[tuple[str, int], set[int]] = {}
        self._read_by: dict[int, list[tuple[str, int]]] = {}
        for name, sources in self._lists.items():
            for item, source in enumerate(sources):
                producers = {read.step for read in step_outputs(source)}
                self._waiting[name, item] = producers
                for producer in producers:
                    self._read_by.setdefault(producer, []).append((name, item))

    def source(self, name: str, item: int) -> StepSource:
        """The source of an item."""
        return self._lists[name][item]

    def first(self) -> list[tuple[str, int]]:
        """The items that read no step."""
        return [item for item, producers in self._waiting.items() if not producers]

    def done(self, number: int) -> list[tuple[str, int]]:
        """The items whose last unfinished step was this one."""
        read_by = self._read_by.get(number, [])
        for item in read_by:
            self._waiting[item].discard(number)
        return [item for item in read_by if not self._waiting[item]]
