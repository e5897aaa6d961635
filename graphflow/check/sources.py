"""Sources in the expanded graph: values, and outputs of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from graphflow.values.sources import Format, Gather, ItemOf, Value


class NodeOutput(NamedTuple):
    """An output of an expanded node, by the node's number."""

    node: int
    output: str


class Absent(NamedTuple):
    """No value: a node that makes it does not run. In a list it keeps its place until a port drops it."""

    reason: str


class Unknown(NamedTuple):
    """A value whose problem is reported already."""


NodeSource: TypeAlias = (
    "Value | NodeOutput | ItemOf[NodeOutput] | Gather[NodeSource] | Format[NodeSource] | Absent | Unknown"
)

UNKNOWN_SOURCE = Unknown()


def node_outputs(source: NodeSource) -> Iterator[NodeOutput]:
    """Every node output that a source reads."""
    if isinstance(source, NodeOutput):
        yield source
    elif isinstance(source, ItemOf):
        yield source.source
    elif isinstance(source, Gather):
        for item in source.items:
            yield from node_outputs(item)
    elif isinstance(source, Format):
        for part in source.parts:
            if not isinstance(part, str):
                yield from node_outputs(part)
