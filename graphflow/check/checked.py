"""The checked graph: templates and `for_each` expanded, every param a value, every port a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphflow.catalog.authoring import Planned
from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import NodeType
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.sources import NodeOutput, NodeSource
from graphflow.document.model import Document
from graphflow.errors import InvalidGraph
from graphflow.problems import NOWHERE, Level, Place, Problem
from graphflow.system.device import CPU, Compute
from graphflow.values.facts import Facts
from graphflow.values.sources import ItemOf


@dataclass(slots=True)
class ExpandedNode:
    """One node that can run.

    Attributes:
        index: its number; producers have smaller numbers.
        path: `polish/refine`, `fill[0]`.
        position: orders nodes as the document does.
        params: every param's value, defaults included.
        sources: the source of each given port.
        places: where the values of its keys are written.
        used: where the templates around it are used.
        port_facts: of the value of each given port; empty if the type has no rules.
        planned: the plan function's result; None if the type has no plan function.
        facts: of each output.
        wanted: the outputs that a node or an output of the graph reads.
        verify: whether some fact was unknown, so that the node's rules are called again with its values.
        alone: whether it is inside a template with `run_seed`, so that the seed of the run does not matter to it.
    """

    index: int
    path: str
    type: NodeType
    position: tuple[float, ...]
    params: dict[str, Any]
    sources: dict[str, NodeSource]
    cache: bool
    places: ResolvedNode | None
    used: tuple[tuple[Place, str], ...] = ()
    port_facts: Mapping[str, Facts] = field(default_factory=dict)
    planned: Planned | None = None
    facts: Mapping[str, Facts] = field(default_factory=dict)
    verify: bool = False
    wanted: frozenset[str] = frozenset()
    alone: bool = False

    def place_of(self, key: str) -> Place:
        """Where the value of `key` is written, or the node itself if it is not given."""
        return self.places.place_of(key) if self.places is not None else NOWHERE


def named_source(source: NodeSource | None, nodes: Sequence[ExpandedNode]) -> str:
    """The name of the output that a port reads, such as `fill.latents`."""
    if isinstance(source, ItemOf):
        return f"{named_source(source.source, nodes)}[{source.item}]"
    return f"{nodes[source.node].path}.{source.output}" if isinstance(source, NodeOutput) else "the value given"


@dataclass(frozen=True)
class Alone:
    """A use of a template with `run_seed`, which could run as a graph of its own; see `graphflow.check.alone`.

    Attributes:
        resolved: the template.
        inputs: name → value of every input.
        seed: the value of `run_seed`.
    """

    resolved: Resolved
    inputs: Mapping[str, NodeSource]
    seed: int


class AloneOutput(NamedTuple):
    """An output of a graph that could run alone, or an item of it.

    Attributes:
        graph: that graph.
        output: name of the output.
        item: index of the item, from 0; None for the whole output.
    """

    graph: Alone
    output: str
    item: int | None


@dataclass(frozen=True)
class Checked:
    """The result of `check`: all problems, and the expanded graph if there are none.

    Attributes:
        document: what was checked.
        resolved: the document with every key read; see `graphflow.check.read.resolve`.
        nodes: every node that is present, producers first.
        outputs: output name → source.
        skipped: path → why the node does not run.
        inputs: the value of every input.
        seed: the run's seed.
        problems: problems, warnings and hints, by place.
        catalog: the node types that the document may use.
        compute: device and precision of models.
        depends_on_files: whether files, checkpoints or templates were looked at, which may change after the check.
        alone: each output of a template with `run_seed` whose inputs are all known → the same output of a graph alone.
    """

    document: Document
    resolved: Resolved
    nodes: tuple[ExpandedNode, ...]
    outputs: dict[str, NodeSource]
    skipped: dict[str, str]
    inputs: dict[str, Any]
    seed: int
    problems: tuple[Problem, ...]
    catalog: Catalog
    compute: Compute = CPU
    depends_on_files: bool = True
    alone: Mapping[NodeSource, AloneOutput] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the graph can be planned and run."""
        return all(problem.level < Level.PROBLEM for problem in self.problems)

    def require(self) -> Checked:
        """Return this graph if it can run.

        Raises:
            InvalidGraph: it has problems; warnings and hints are not among those of the error.
        """
        if not self.ok:
            raise InvalidGraph([p for p in self.problems if p.level is Level.PROBLEM])
        return self
