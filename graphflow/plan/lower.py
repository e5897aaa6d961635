"""Lowering: the needed nodes are replaced by their steps, and equal steps are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from graphflow.catalog.authoring import NO_WORKSPACE, Batchable, Workspace
from graphflow.catalog.node_type import StepFunction
from graphflow.catalog.signature import step_function
from graphflow.check.checked import ExpandedNode, named_source
from graphflow.check.sources import NodeOutput, NodeSource, node_outputs
from graphflow.plan.fitting import require_fit
from graphflow.plan.liveness import Need, needs_of
from graphflow.plan.recipe import key_of, token_of
from graphflow.plan.savings import Saving, in_tiles
from graphflow.plan.sources import StepOutput, StepSource, in_steps, reads_of
from graphflow.plan.step import Recheck, StepNode
from graphflow.problems import NOWHERE
from graphflow.values.component import Component
from graphflow.values.sources import Gather


@dataclass(slots=True)
class Draft:
    """A step that has no place in the order yet; see `PlannedStep` for its fields."""

    path: str
    function: StepFunction
    params: dict[str, Any]
    inputs: dict[str, StepSource]
    uses: dict[str, Component]
    position: tuple[float, ...]
    node: StepNode
    reads: dict[int, set[str]] = field(default_factory=dict)
    key: str = ""
    cache: bool = False
    wanted: set[str] = field(default_factory=set)
    also: list[str] = field(default_factory=list)
    recheck: Recheck | None = None
    batch: Batchable | None = None
    memory: Workspace = NO_WORKSPACE
    savings: tuple[Saving, ...] = ()


@dataclass(slots=True)
class Lowered:
    """The steps of a graph before they are ordered for the run.

    Attributes:
        steps: all steps, producers first.
        outputs: output of the graph → source.
        avoided: paths of steps whose results nothing reads.
    """

    steps: list[Draft]
    outputs: dict[str, StepSource]
    avoided: list[str]


def lower(
    nodes: Sequence[ExpandedNode],
    outputs: Mapping[str, NodeSource],
    limit: int | None = None,
    tiled: Set[str] = frozenset(),
) -> Lowered:
    """The steps that these outputs need.

    VAEs work in tiles in those that need more bytes than `limit` otherwise, and in those with a path in `tiled`.
    """
    lowering = _Lowering(nodes, limit, tiled)
    avoided: list[str] = []
    for node, need in zip(nodes, needs_of(nodes, outputs), strict=True):
        if need is not None:
            avoided += reversed(need.avoided)
            lowering.add(node, need)
    lowered = {name: in_steps(source, lowering.made_by) for name, source in outputs.items()}
    lowering.want(reads_of(lowered.values()))
    return Lowered(lowering.steps, lowered, avoided)


class _Lowering:
    """Builds steps node by node, producers first, and merges equal ones.

    Args:
        nodes: all nodes of the graph.
        limit: most bytes that a step may need; None if that is not known.
        tiled: paths of steps whose VAE works in tiles.
    """

    def __init__(self, nodes: Sequence[ExpandedNode], limit: int | None, tiled: Set[str]) -> None:
        self._limit = limit
        self._tiled = tiled
        self.steps: list[Draft] = []
        self.made_by: dict[NodeOutput, StepOutput] = {}
        self._nodes = nodes
        self._by_recipe: dict[Any, int] = {}

    def add(self, node: ExpandedNode, need: Need) -> None:
        """Add the steps of a node; those of its producers must have been added before."""
        place = node.places.decl.place if node.places is not None else NOWHERE
        home = StepNode(node.path, node.type, node.params, place, node.used)
        if need.planned.steps:
            self._add_steps(node, need, home)
            return
        inputs = {name: in_steps(source, self.made_by) for name, source in node.sources.items()}
        draft = Draft(node.path, node.type.function, node.params, inputs, dict(need.planned.uses), node.position, home)
        index = self._keep(draft, node)
        for output in need.outputs:
            self.made_by[NodeOutput(node.index, output)] = StepOutput(index, output)

    def _add_steps(self, node: ExpandedNode, need: Need, home: StepNode) -> None:
        indices: dict[str, int] = {}
        functions: dict[str, StepFunction] = {}
        for number, (step, needed) in enumerate(need.steps):
            function = step_function(step.run, node.type.shipped_version)
            require_fit(node, step, function, functions)
            functions[step.name] = function
            inputs: dict[str, StepSource] = {}
            for argument, read in step.inputs.items():
                given = [self._origin(node, origin, indices) for origin in ((read,) if isinstance(read, str) else read)]
                present = [source for source in given if source is not None]
                if not isinstance(read, str):
                    inputs[argument] = Gather(tuple(present))
                elif present:
                    inputs[argument] = present[0]
            path = f"{node.path}/{step.name}"
            uses, memory, savings = in_tiles(step.uses, step.memory, self._limit, recorded=path in self._tiled)
            draft = Draft(
                path,
                function,
                dict(step.params),
                inputs,
                uses,
                (*node.position, float(number)),
                home,
                batch=step.batch,
                memory=memory,
                savings=savings,
            )
            indices[step.name] = index = self._keep(draft, node)
            for output, own in needed.items():
                self.made_by[NodeOutput(node.index, output)] = StepOutput(index, own)

    def _origin(self, node: ExpandedNode, origin: str, indices: Mapping[str, int]) -> StepSource | None:
        """The source of a step's argument: an output of another step, or a port's source; None if the port has none."""
        name, dot, output = origin.partition(".")
        if dot:
            return StepOutput(indices[name], output)
        return in_steps(node.sources[name], self.made_by) if name in node.sources else None

    def _keep(self, draft: Draft, node: ExpandedNode) -> int:
        """Add a step, or merge it into an equal one that was added before; returns the number of the resulting step."""
        draft.key = key_of(draft.function, draft.params, draft.uses)
        draft.cache = node.cache and draft.function.deterministic
        draft.reads = reads_of(draft.inputs.values())
        self.want(draft.reads)
        index = len(self.steps)
        if draft.cache:
            recipe = (draft.key, tuple([(name, token_of(source)) for name, source in draft.inputs.items()]))
            known = self._by_recipe.setdefault(recipe, index)
            if known != index:
                self.steps[known].also.append(draft.path)
                return known
        if node.verify:
            draft.recheck = self._recheck(node)
        self.steps.append(draft)
        return index

    def _recheck(self, node: ExpandedNode) -> Recheck:
        ports = {
            # A port that no needed step reads may read a node without steps in the plan.
            name: in_steps(source, self.made_by) if all(read in self.made_by for read in node_outputs(source)) else None
            for name, source in node.sources.items()
        }
        places = {name: node.place_of(name) for name in (*node.type.ports, *node.type.params)}
        senders = {name: named_source(source, self._nodes) for name, source in node.sources.items()}
        return Recheck(node.wanted, ports, places, senders, node.port_facts)

    def want(self, reads: Mapping[int, set[str]]) -> None:
        """Mark outputs that something reads as wanted."""
        for producer, outputs in reads.items():
            self.steps[producer].wanted |= outputs
