"""Sources: where a value comes from. Each phase names outputs by its own numbers, and has a type of sources of its own.

`graphflow.check.sources` reads outputs of nodes, `graphflow.plan.sources` outputs of steps; these are the shapes that
both are made of.
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

Output_co = TypeVar("Output_co", covariant=True)
Source_co = TypeVar("Source_co", covariant=True)


class Value(NamedTuple):
    """A value that is known before the run."""

    value: Any


class ItemOf(NamedTuple, Generic[Output_co]):
    """An item of an output that is a list."""

    source: Output_co
    item: int


class Gather(NamedTuple, Generic[Source_co]):
    """A list of sources."""

    items: tuple[Source_co, ...]


class Format(NamedTuple, Generic[Source_co]):
    """Text made of plain pieces and sources of strings and numbers."""

    parts: tuple[str | Source_co, ...]
