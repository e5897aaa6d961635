"""Sources in the expanded graph: values, and outputs of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from graphflow.values.sources import Format, Gather, ItemOf, Value


class NodeOutput(NamedTuple):
    """An output of an expanded node, by the node's number."""

    node: int
    output: str


class Absent(NamedTuple):
    """No value, because a node does not run. In a list it keeps its place until a port drops it."""

    reason: str


class Unknown(NamedTuple):
    """A value whose problem was already reported."""


NodeSource: TypeAlias = (
    "Value | NodeOutput | ItemOf[NodeOutput] | Gather[NodeSource] | Format[NodeSource] | Absent | Unknown"
)

UNKNOWN_SOURCE = Unknown()


def node_outputs(source: NodeSource) -> Sequence[NodeOutput]:
    """Every node output that a source reads."""
    if isinstance(source, NodeOutput):
        return (source,)
    if isinstance(source, ItemOf):
        return (source.source,)
    if isinstance(source, Gather):
        return [output for item in source.items for output in node_outputs(item)]
    if isinstance(source, Format):
        parts = [part for part in source.parts if not isinstance(part, str)]
        return [output for part in parts for output in node_outputs(part)]
    return ()


class NotKnown:
    """The result of `known_value` for a source without a value before the run."""


NOT_KNOWN = NotKnown()


def known_value(source: NodeSource) -> Any:
    """The value of a source that is known before the run; a tuple for a list, without absent items."""
    if isinstance(source, Value):
        return source.value
    if isinstance(source, Gather):
        values = [known_value(item) for item in source.items if not isinstance(item, Absent)]
        return NOT_KNOWN if any(value is NOT_KNOWN for value in values) else tuple(values)
    return NOT_KNOWN


def without_absent(source: NodeSource) -> NodeSource:
    """The source for a port that takes a list: without absent items; an absent list becomes empty."""
    if isinstance(source, Absent):
        return Gather(())
    if isinstance(source, Gather):
        return Gather(tuple([item for item in source.items if not isinstance(item, Absent)]))
    return source


def is_unknown(source: NodeSource) -> bool:
    """Whether a source, or an item of it, has a problem."""
    if isinstance(source, Gather):
        return any(is_unknown(item) for item in source.items)
    return isinstance(source, Unknown)
