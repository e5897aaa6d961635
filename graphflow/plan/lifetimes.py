"""When values and components are done with, and how much components take at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphflow.check.checked import Source, outputs_in
from graphflow.marker import Component

if TYPE_CHECKING:
    from graphflow.plan.plan import PlannedStep


@dataclass(frozen=True)
class Lifetimes:
    """Per step, by its number in the plan.

    Attributes:
        readers: how many steps and graph outputs read each step's outputs.
        loads: components that the step is the first to use.
        drops: identities of components that no later step uses.
        peak: most bytes of components at any time, if each goes after its last use.
    """

    readers: tuple[int, ...] = ()
    loads: Mapping[int, tuple[Component, ...]] = field(default_factory=dict)
    drops: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    peak: int = 0


def lifetimes(steps: Sequence[PlannedStep], outputs: Mapping[str, Source]) -> Lifetimes:
    """Count readers, find first and last uses."""
    readers = [0] * len(steps)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    components: dict[str, Component] = {}
    for number, step in enumerate(steps):
        for producer in producers_of(step):
            readers[producer] += 1
        for component in step.uses.values():
            components.setdefault(component.identity, component)
            first.setdefault(component.identity, number)
            last[component.identity] = number
    for source in outputs.values():
        for producer in {one.node for one in outputs_in(source)}:
            readers[producer] += 1
    loads: dict[int, tuple[Component, ...]] = {}
    drops: dict[int, tuple[str, ...]] = {}
    for identity, number in first.items():
        loads[number] = (*loads.get(number, ()), components[identity])
    for identity, number in last.items():
        drops[number] = (*drops.get(number, ()), identity)
    return Lifetimes(tuple(readers), loads, drops, _peak(loads, drops, components))


def producers_of(step: PlannedStep) -> set[int]:
    """Numbers of the steps whose outputs a step reads."""
    return {one.node for source in step.inputs.values() for one in outputs_in(source)}


def _peak(
    loads: Mapping[int, tuple[Component, ...]],
    drops: Mapping[int, tuple[str, ...]],
    components: Mapping[str, Component],
) -> int:
    held = peak = 0
    for number in sorted({*loads, *drops}):
        held += sum(component.nbytes for component in loads.get(number, ()))
        peak = max(peak, held)
        held -= sum(components[identity].nbytes for identity in drops.get(number, ()))
    return peak
