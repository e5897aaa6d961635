"""Lifetimes of values and components: first and last uses, and the memory that components need."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphflow.plan.sources import StepSource, reads_of
from graphflow.plan.step import PlannedStep
from graphflow.values.component import Component


@dataclass(frozen=True)
class Lifetimes:
    """The uses of values and components by the steps of a plan; steps are named by number.

    Attributes:
        readers: for each step, the number of steps and graph outputs that read its outputs.
        loads: step → components that it is the first to use.
        drops: step → identities of components that it is the last to use.
        uses: identity of each component → the steps that use it, first to last.
        largest: number of the step that needs the most bytes for its components and while it computes; None without
            steps.
        held: for each step, the bytes of components on their devices while it runs, if each is evicted after its last
            use; one with `offload model` is there only while a step uses it.
        needs: for each step, the bytes that its call needs while it computes, besides components; of a batch in all.
    """

    readers: tuple[int, ...] = ()
    loads: Mapping[int, tuple[Component, ...]] = field(default_factory=dict)
    drops: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    held: tuple[int, ...] = ()
    uses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    largest: int | None = None
    needs: tuple[int, ...] = ()

    @property
    def peak(self) -> int:
        """Most bytes of components that are loaded at a time."""
        return max(self.held, default=0)

    @property
    def totals(self) -> tuple[int, ...]:
        """For each step, the bytes of components and of what its call needs."""
        return tuple(map(operator.add, self.held, self.needs))

    @property
    def peak_step(self) -> int | None:
        """The first step during which the most bytes are needed in all; None without steps."""
        totals = self.totals
        return max(range(len(totals)), key=totals.__getitem__, default=None)

    @property
    def whole_peak(self) -> int:
        """Most bytes that are needed at a time, for components and for computing."""
        return max(self.totals, default=0)


def lifetimes(
    steps: Sequence[PlannedStep], outputs: Mapping[str, StepSource], batches: Sequence[range] = ()
) -> Lifetimes:
    """Count the readers of each step, and find the uses of each component.

    Args:
        steps: in run order.
        outputs: output of the graph → source.
        batches: numbers of the steps that are computed in one call.
    """
    readers = [0] * len(steps)
    uses: dict[str, list[int]] = {}
    components: dict[str, Component] = {}
    own_bytes: list[int] = []
    for number, step in enumerate(steps):
        for producer in step.reads:
            readers[producer] += 1
        own = {component.identity: component for component in step.uses.values()}
        for identity, component in own.items():
            components.setdefault(identity, component)
            uses.setdefault(identity, []).append(number)
        own_bytes.append(sum([component.nbytes_in_use for component in own.values()]))
    for source in outputs.values():
        for producer in reads_of([source]):
            readers[producer] += 1
    loads: dict[int, tuple[Component, ...]] = {}
    drops: dict[int, tuple[str, ...]] = {}
    for identity, numbers in uses.items():
        loads[numbers[0]] = (*loads.get(numbers[0], ()), components[identity])
    for identity, numbers in uses.items():
        drops[numbers[-1]] = (*drops.get(numbers[-1], ()), identity)
    steady = {identity: tuple(numbers) for identity, numbers in uses.items()}
    held = _held(len(steps), steady, components)
    needs = _needs(steps, batches)
    alone = list(map(operator.add, own_bytes, needs))
    largest = max(range(len(alone)), key=alone.__getitem__, default=None)
    return Lifetimes(tuple(readers), loads, drops, held, steady, largest, needs)


def _needs(steps: Sequence[PlannedStep], batches: Sequence[range]) -> tuple[int, ...]:
    needs = [step.memory.nbytes for step in steps]
    for batch in batches:
        whole = sum(needs[number] for number in batch)
        for number in batch:
            needs[number] = whole
    return tuple(needs)


def _held(count: int, uses: Mapping[str, Sequence[int]], components: Mapping[str, Component]) -> tuple[int, ...]:
    """Bytes on devices during each step: the sum of what every component adds with a step and takes away after one."""
    change = [0] * (count + 1)
    for identity, numbers in uses.items():
        component = components[identity]
        spans = (
            [(number, number) for number in numbers] if component.offload == "model" else [(numbers[0], numbers[-1])]
        )
        for first, last in spans:
            change[first] += component.nbytes_in_use
            change[last + 1] -= component.nbytes_in_use
    return tuple(itertools.accumulate(change[:-1]))
