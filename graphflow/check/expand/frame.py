"""Frames: instances of documents and of their nodes during expansion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from graphflow.check.expand.reports import Used
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.sources import NodeSource

Outputs: TypeAlias = dict[str, NodeSource]
"""Output → source."""


@dataclass
class Frame:
    """One instance of a document: the graph, or a use of a template.

    Attributes:
        resolved: the document.
        inputs: the value of each of its inputs.
        path: of its nodes, up to their ids: `polish[0]/`; empty for the graph.
        bare: the same without the numbers of items.
        position: of the use in the order of the documents.
        used: where the template and those around it are used.
        cache: whether results of its nodes may be stored.
        seed: of the run; that of `run_seed` inside a template with this option.
        alone: whether it is inside such a template.
        work: expands the remaining nodes.
        outputs: node id → outputs of the nodes expanded so far.
    """

    resolved: Resolved
    inputs: dict[str, NodeSource]
    path: str
    bare: str
    position: tuple[float, ...]
    used: Used
    cache: bool
    seed: int
    alone: bool = False
    work: Iterator[None] = field(default_factory=lambda: iter(()))
    outputs: dict[str, Outputs] = field(default_factory=dict)


class Instance(NamedTuple):
    """One instance of a node in a frame: the node itself, or an item of its `for_each`; see `Frame`."""

    frame: Frame
    node: ResolvedNode
    path: str
    bare: str
    position: tuple[float, ...]
    cache: bool
