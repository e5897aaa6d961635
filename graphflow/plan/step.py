"""A step of a plan: the unit of order, merging, component lifetime, caching and events."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from graphflow.catalog.authoring import NO_WORKSPACE, Workspace
from graphflow.catalog.node_type import NodeType, StepFunction
from graphflow.plan.savings import Saving
from graphflow.plan.sources import StepSource
from graphflow.problems import Place
from graphflow.values.component import Component
from graphflow.values.facts import Facts


class StepNode(NamedTuple):
    """The node that a step belongs to.

    Attributes:
        path: `polish/refine`, `fill[0]`.
        type: its node type.
        params: every param's value, defaults included.
        place: where it is written.
        used: the places at which the templates around it are used.
    """

    path: str
    type: NodeType
    params: Mapping[str, Any]
    place: Place
    used: tuple[tuple[Place, str], ...]


class Recheck(NamedTuple):
    """Data for checking a node's rules again during the run, for a node with facts that are unknown before it.

    Attributes:
        wanted: outputs of the node that something reads.
        ports: each given port → its source; None if no step of the plan computes the value.
        places: port or param → the place of its value in the document.
        senders: port → name of the output that it reads, such as `fill.latents`.
        known: port → its facts before the run, used if its value is freed by then.
    """

    wanted: frozenset[str]
    ports: Mapping[str, StepSource | None]
    places: Mapping[str, Place]
    senders: Mapping[str, str]
    known: Mapping[str, Facts]


class PlannedStep(NamedTuple):
    """One step of a run.

    Attributes:
        path: such as `fill/decode`; the node's path if the node is a single step.
        function: the function that is called.
        params: argument → plain value.
        inputs: argument → source; steps in it are numbered as in the plan.
        reads: number of each step whose results it reads → the outputs that it reads.
        wanted: outputs of the function that something reads.
        uses: role → component.
        key: digest of function, params and components, the parts of the recipe that are known before the run.
        cache: whether its result may be stored or taken from a store.
        also: paths of the equal steps that were merged into it.
        node: the node that it belongs to.
        recheck: for a node whose rules are checked again during the run; otherwise None.
        memory: what it needs while it computes, besides its components; for one step of a batch.
        savings: the measures that it takes because it would not fit the memory otherwise.
    """

    path: str
    function: StepFunction
    params: dict[str, Any]
    inputs: dict[str, StepSource]
    reads: Mapping[int, Set[str]]
    wanted: frozenset[str]
    uses: dict[str, Component]
    key: str
    cache: bool
    also: tuple[str, ...]
    node: StepNode
    recheck: Recheck | None
    memory: Workspace = NO_WORKSPACE
    savings: tuple[Saving, ...] = ()
