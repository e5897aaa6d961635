"""Sources of arguments in a plan: values, outputs of steps, and lists and texts composed of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from graphflow.check.sources import NodeOutput, NodeSource
from graphflow.values.sources import Format, Gather, ItemOf, Value


class StepOutput(NamedTuple):
    """An output of a step, which is given by its number."""

    step: int
    output: str


StepSource: TypeAlias = "Value | StepOutput | ItemOf[StepOutput] | Gather[StepSource] | Format[StepSource]"


def step_outputs(source: StepSource) -> Iterator[StepOutput]:
    """Every step output that a source reads."""
    if isinstance(source, StepOutput):
        yield source
    elif isinstance(source, ItemOf):
        yield source.source
    elif isinstance(source, Gather):
        for item in source.items:
            yield from step_outputs(item)
    elif isinstance(source, Format):
        for part in source.parts:
            if not isinstance(part, str):
                yield from step_outputs(part)


def in_steps(source: NodeSource, made_by: Mapping[NodeOutput, StepOutput]) -> StepSource:
    """The source with every output of a node replaced by the output of the step that computes it."""
    if isinstance(source, NodeOutput):
        return made_by[source]
    if isinstance(source, ItemOf):
        return ItemOf(made_by[source.source], source.item)
    if isinstance(source, Gather):
        return Gather(tuple([in_steps(item, made_by) for item in source.items]))
    if isinstance(source, Format):
        return Format(tuple([part if isinstance(part, str) else in_steps(part, made_by) for part in source.parts]))
    if isinstance(source, Value):
        return source
    raise TypeError(f"{source} has no value")


def renumbered(source: StepSource, number: Sequence[int]) -> StepSource:
    """The source with each step's number replaced by `number[step]`."""
    if isinstance(source, StepOutput):
        return StepOutput(number[source.step], source.output)
    if isinstance(source, ItemOf):
        return ItemOf(StepOutput(number[source.source.step], source.source.output), source.item)
    if isinstance(source, Gather):
        return Gather(tuple([renumbered(item, number) for item in source.items]))
    if isinstance(source, Format):
        return Format(tuple([part if isinstance(part, str) else renumbered(part, number) for part in source.parts]))
    return source
