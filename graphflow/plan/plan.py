"""The plan of a run as frozen data, and `plan`, which makes one from a checked graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphflow.check.checked import Checked
from graphflow.check.sources import Absent, Unknown, without_absent
from graphflow.errors import InvalidGraph
from graphflow.plan.batch_size import automatic_size
from graphflow.plan.batches import batches_of
from graphflow.plan.lifetimes import Lifetimes, lifetimes
from graphflow.plan.lower import Draft, Lowered, lower
from graphflow.plan.offload import offload_for, offloaded
from graphflow.plan.order import in_order
from graphflow.plan.savings import Saving, memory_limit
from graphflow.plan.sources import StepSource, renumbered
from graphflow.plan.step import PlannedStep, Recheck
from graphflow.problems import Place, Problem, did_you_mean, nearest
from graphflow.system.device import Compute
from graphflow.system.gc_pause import paused
from graphflow.values.component import Component


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that a run does, decided before it starts.

    Plans are equal if they call the same functions with the same params and inputs in the same order for the same
    outputs. Names of nodes and places in files are not compared.

    Attributes:
        checked: the checked graph.
        steps: in the order in which they run.
        outputs: output name → source; absent items of lists are removed.
        absent: output name → reason, for each output without a value.
        avoided: paths of steps that are left out because nothing reads their results.
        lifetimes: uses of values and components.
        batches: numbers of the steps that are computed in one call, two or more directly one after the other.
        alone: if the call asks for batches: path → reason why this step is always computed one by one.
        limit: most bytes for components and what a step needs while it computes: the budget, or a share of the memory
            of the GPU or the machine; None if that is not known.
    """

    checked: Checked
    steps: tuple[PlannedStep, ...]
    outputs: dict[str, StepSource]
    absent: dict[str, str]
    avoided: tuple[str, ...] = ()
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    batches: tuple[range, ...] = ()
    alone: dict[str, str] = field(default_factory=dict)
    limit: int | None = None

    @property
    def savings(self) -> dict[str, tuple[Saving, ...]]:
        """Path of each step that would not fit the memory → the measures that it takes."""
        return {step.path: step.savings for step in self.steps if step.savings}

    @property
    def skipped(self) -> dict[str, str]:
        """Path of each node that does not run → reason."""
        return self.checked.skipped

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that its steps use; a component that several steps use is listed for each."""
        return tuple(component for step in self.steps for component in step.uses.values())

    @cached_property
    def uses_torch(self) -> bool:
        """Whether a step computes with torch."""
        return any(step.function.environment == "torch" for step in self.steps)

    def units(self) -> Iterator[Sequence[int]]:
        """Numbers of the steps that are computed in one call, in order; mostly one step each."""
        batches = {batch.start: batch for batch in self.batches}
        number = 0
        while number < len(self.steps):
            unit = batches.get(number, (number,))
            yield unit
            number += len(unit)

    def _same(self) -> tuple[Any, ...]:
        steps = tuple((step.key, step.inputs, step.wanted, step.cache) for step in self.steps)
        return steps, self.outputs, self.absent.keys(), self.batches

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self._same() == other._same()

    def __hash__(self) -> int:
        return hash(tuple(step.key for step in self.steps))


@paused
def plan(
    checked: Checked, *, only: Sequence[str] = (), memory_budget: int | None = None, tiled: Set[str] = frozenset()
) -> Plan:
    """Make the plan of a checked graph.

    Args:
        checked: the checked graph.
        only: names of the outputs to compute; empty for all.
        memory_budget: most bytes of components, and of what a step needs while it computes; None for 80 % of the memory
            of the GPU, or of the machine on a CPU. If it is too small for finishing each item of a list before the next
            one, components are loaded one after the other. A step that does not fit takes a measure that saves memory.
            The size of `auto` batches depends on it, if it is given.
        tiled: paths of the steps whose VAE works in tiles, as in the run that is repeated.

    Raises:
        InvalidGraph: the graph has problems, or `only` names an output that it does not have.
    """
    checked.require()
    only = (only,) if isinstance(only, str) else only
    unknown = [_unknown(name, checked) for name in only if name not in checked.outputs]
    if unknown:
        raise InvalidGraph(unknown)
    chosen = {name: source for name, source in checked.outputs.items() if not only or name in only}
    absent = {name: source.reason for name, source in chosen.items() if isinstance(source, Absent)}
    present = {
        name: without_absent(source) for name, source in chosen.items() if not isinstance(source, (Absent, Unknown))
    }
    limit = memory_limit(checked.compute, memory_budget)
    lowered = lower(checked.nodes, present, limit, tiled)
    groups, alone = _batches(lowered.steps, checked.compute, memory_budget)
    order = in_order(lowered.steps, lowered.outputs, groups)
    steps, outputs = _numbered(lowered, order)
    ranges = _ranges(groups, order)
    lives = lifetimes(steps, outputs, ranges)
    if limit is not None and lives.whole_peak > limit:
        order = in_order(lowered.steps, lowered.outputs, groups, ahead=0)
        steps, outputs = _numbered(lowered, order)
        ranges = _ranges(groups, order)
        lives = lifetimes(steps, outputs, ranges)
    moving = offload_for(steps, lives, checked.compute, limit)
    if moving is not None:
        steps = offloaded(steps, moving)
        lives = lifetimes(steps, outputs, ranges)
    return Plan(checked, steps, outputs, absent, tuple(lowered.avoided), lives, ranges, alone, limit)


def _batches(
    steps: Sequence[Draft], compute: Compute, budget: int | None
) -> tuple[list[tuple[int, ...]], dict[str, str]]:
    """The steps that are computed in one call, and the reason for each step that is always computed alone."""
    size = compute.options.batch
    if size == 1:
        return [], {}
    parts = {part.identity: part for step in steps for part in step.uses.values()}
    components = sum(part.nbytes_in_use for part in parts.values() if part.offload != "model")

    def most(step: Draft) -> int:
        return automatic_size(step, components, compute.device, budget) if size == "auto" else size

    alone = {step.path: step.batch.why_not for step in steps if step.batch is not None and step.batch.why_not}
    return batches_of(steps, most), alone


def _ranges(groups: Sequence[tuple[int, ...]], order: Sequence[int]) -> tuple[range, ...]:
    """The groups by the places of their steps in the order."""
    place = {index: number for number, index in enumerate(order)} if groups else {}
    return tuple(sorted((range(place[group[0]], place[group[0]] + len(group)) for group in groups), key=min))


def _unknown(name: str, checked: Checked) -> Problem:
    """The problem with a name that is neither an output of the graph nor a result of one of its nodes."""
    id_, dot, port = name.partition(".")
    place, nodes = Place(f"output {name}"), checked.resolved.nodes
    if dot and id_ in nodes:
        fix = did_you_mean(port, list(nodes[id_].outputs or ()), else_="its outputs are")
        return Problem("unknown-output", f"{id_} has no output {port}", "", fix, place)
    own = list(checked.outputs)
    fix = did_you_mean(id_, own, else_="its outputs are")
    if nearest(id_, own) is None and (close := nearest(id_, nodes)) is not None:
        fix = f"did you mean the node {close}?"
    return Problem("unknown-graph-output", f"the graph has no output {name}", "", fix, place)


def _numbered(lowered: Lowered, order: list[int]) -> tuple[tuple[PlannedStep, ...], dict[str, StepSource]]:
    """The steps and outputs, with steps in run order and references to them by their numbers in this order."""
    number = [0] * len(order)
    for place, index in enumerate(order):
        number[index] = place
    steps = []
    for index in order:
        draft = lowered.steps[index]
        inputs = {name: renumbered(source, number) for name, source in draft.inputs.items()}
        reads = {number[producer]: outputs for producer, outputs in draft.reads.items()}
        recheck = None if draft.recheck is None else _recheck(draft.recheck, number)
        steps.append(
            PlannedStep(
                draft.path, draft.function, draft.params, inputs, reads, frozenset(draft.wanted), draft.uses,
                draft.key, draft.cache, tuple(draft.also), draft.node, recheck, draft.memory, draft.savings,
            )
        )  # fmt: skip
    return tuple(steps), {name: renumbered(source, number) for name, source in lowered.outputs.items()}


def _recheck(recheck: Recheck, number: list[int]) -> Recheck:
    ports = recheck.ports.items()
    return recheck._replace(
        ports={name: None if source is None else renumbered(source, number) for name, source in ports}
    )
