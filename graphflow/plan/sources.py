"""Sources of arguments in a plan: values, outputs of steps, and lists and texts composed of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from graphflow.check.sources import NodeOutput, NodeSource
from graphflow.values.sources import Format, Gather, ItemOf, Value


class StepOutput(NamedTuple):
    """An output of a step, which is given by its number."""

    step: int
    output: str


StepSource: TypeAlias = "Value | StepOutput | ItemOf[StepOutput] | Gather[StepSource] | Format[StepSource]"


def step_outputs(source: StepSource) -> Sequence[StepOutput]:
    """Every step output that a source reads."""
    if isinstance(source, StepOutput):
        return (source,)
    if isinstance(source, ItemOf):
        return (source.source,)
    if isinstance(source, Gather):
        return [output for item in source.items for output in step_outputs(item)]
    if isinstance(source, Format):
        parts = [part for part in source.parts if not isinstance(part, str)]
        return [output for part in parts for output in step_outputs(part)]
    return ()


def reads_of(sources: Iterable[StepSource]) -> dict[int, set[str]]:
    """Number of each step whose results the sources read → the outputs that they read."""
    reads: dict[int, set[str]] = {}
    for source in sources:
        for read in step_outputs(source):
            reads.setdefault(read.step, set()).add(read.output)
    return reads


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
