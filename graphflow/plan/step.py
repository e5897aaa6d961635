"""A step of a plan: the unit of order, merging, component lifetime, caching and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphflow.catalog.node_type import NodeType, StepFunction
from graphflow.plan.sources import StepSource
from graphflow.problems import Place
from graphflow.values.component import Component


class StepNode(NamedTuple):
    """The node that a step belongs to.

    Attributes:
        path: `polish/refine`, `fill[0]`.
        type: its node type.
        params: every param's value, defaults included.
        place: where it is written.
        used: where the templates around it are used.
    """

    path: str
    type: NodeType
    params: Mapping[str, Any]
    place: Place
    used: tuple[tuple[Place, str], ...]


class Recheck(NamedTuple):
    """What it takes to ask a node's rules again, for a node some of whose facts only values show.

    Attributes:
        wanted: outputs of the node that something reads.
        ports: each given port → its source; None if no step of the plan makes that value.
        places: port or param → where its value is written.
        senders: port → how the output is called that it reads, such as `fill.latents`.
    """

    wanted: frozenset[str]
    ports: Mapping[str, StepSource | None]
    places: Mapping[str, Place]
    senders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a run.

    Attributes:
        path: `fill/decode`, or the node's path if the node is one step.
        function: what is called.
        params: argument → plain value.
        inputs: argument → source; steps are numbered by their place in the plan.
        wanted: outputs of the function that something reads.
        uses: role → component.
        key: digest of function, params and components: all of the recipe that is known before the run.
        cache: whether its result may be stored or taken from a store.
        also: paths of the equal steps that it stands for, too.
        node: the node that it belongs to.
        recheck: for a node whose rules are asked again with real values; else None.
    """

    path: str
    function: StepFunction
    params: dict[str, Any]
    inputs: dict[str, StepSource]
    wanted: frozenset[str]
    uses: dict[str, Component]
    key: str
    cache: bool
    also: tuple[str, ...]
    node: StepNode
    recheck: Recheck | None
