"""The document as frozen data, in the order in which it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from graphflow.document.known_keys import NODE_OPTIONS
from graphflow.document.references import tree_references
from graphflow.document.text import Reference
from graphflow.document.tree import Entry, Mapping, Scalar, Sequence, Tree
from graphflow.problems import NOWHERE, Place
from graphflow.values.types import Type

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class InputDecl:
    """An input: a value that the graph's caller can set.

    Attributes:
        type: None if the written type is not valid (a problem says so).
        default: None if the caller has to give a value.
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


@dataclass(frozen=True)
class NodeDecl:
    """A node, either of a node type or of a template.

    Attributes:
        kind: one of `NODE_KINDS`.
        ref: the node type's name, or the template's name or path.
        run_seed: only of a template, which then runs like a graph of its own with this seed.
        values: all keys of the node but `NODE_KEYS`, not yet read, because their types depend on the node type.
    """

    id: str
    kind: str
    ref: Scalar
    values: dict[str, Entry]
    for_each: Tree | None = None
    when: Tree | None = None
    cache: Tree | None = None
    run_seed: Tree | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    @property
    def options(self) -> dict[str, Tree]:
        """The trees of those of `NODE_OPTIONS` that are given."""
        return {key: tree for key in NODE_OPTIONS if (tree := getattr(self, key)) is not None}

    @cached_property
    def references(self) -> tuple[tuple[Reference, Place], ...]:
        """Every reference in any of its keys, with the place of its scalar."""
        trees = [entry.value for entry in self.values.values()]
        return tuple(tree_references(*trees, *[getattr(self, key) for key in NODE_OPTIONS]))


@dataclass(frozen=True, slots=True)
class OutputDecl:
    """A graph output: its name, its reference, and how its pictures are written.

    Attributes:
        format, quality: as written; None if the document does not choose.
    """

    name: str
    value: Scalar
    format: Scalar | None = None
    quality: Scalar | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole graph as written.

    Attributes:
        templates: documents that its nodes can insert by name, with the same file and folder.
        outputs: None if the document has no such key.
        file: the file it was read from, as messages show it; empty if the graph was built in Python.
        folder: the folder to which its paths are relative.
    """

    name: str = ""
    description: str = ""
    inputs: dict[str, InputDecl] = field(default_factory=dict)
    checkpoints: dict[str, CheckpointDecl] = field(default_factory=dict)
    templates: dict[str, Document] = field(default_factory=dict)
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
