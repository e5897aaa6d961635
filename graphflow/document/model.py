"""The document as frozen data: what was written, in the order in which it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from graphflow.document.tree import Entry, Mapping, Scalar, Sequence, Tree
from graphflow.problems import NOWHERE, Place
from graphflow.values.types import Type

FORMAT_VERSION = 1

RESERVED = ("type", "template", "for_each", "when", "cache")
"""Keys of a node that are not its params and ports."""


@dataclass(frozen=True, slots=True)
class InputDecl:
    """What the graph's caller can set.

    Attributes:
        type: None where the written type is not one (a problem says so).
        default: None where the caller has to give a value.
        minimum, maximum: inclusive limits of a number.
    """

    name: str
    type: Type | None
    default: Tree | None = None
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    description: str = ""
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CheckpointDecl:
    """A short name for a checkpoint, with details."""

    name: str
    source: Scalar
    details: Mapping
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodeDecl:
    """A node: either of a type, or a template's insertion.

    Attributes:
        kind: `type` or `template`.
        ref: the node type's name, or the template's name or path.
        values: every other key of the node, unread: their types are the node type's.
    """

    id: str
    kind: str
    ref: Scalar
    values: dict[str, Entry]
    for_each: Tree | None = None
    when: Tree | None = None
    cache: Tree | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OutputDecl:
    """A graph output: its name and what it shows."""

    name: str
    value: Scalar
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole graph as written.

    Attributes:
        outputs: None where the document has no such key.
        file: where it was read from, as messages show it; empty for one built in Python.
        folder: where its relative paths start.
    """

    name: str = ""
    description: str = ""
    inputs: dict[str, InputDecl] = field(default_factory=dict)
    checkpoints: dict[str, CheckpointDecl] = field(default_factory=dict)
    nodes: dict[str, NodeDecl] = field(default_factory=dict)
    outputs: dict[str, OutputDecl] | None = None
    file: str = field(default="", compare=False)
    folder: Path = field(default=Path(), compare=False)


__all__ = [
    "FORMAT_VERSION",
    "CheckpointDecl",
    "Document",
    "Entry",
    "InputDecl",
    "Mapping",
    "NodeDecl",
    "OutputDecl",
    "Scalar",
    "Sequence",
    "Tree",
]
