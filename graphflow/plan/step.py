"""A step of a plan: the unit of order, merging, component lifetimes, caching and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphflow.catalog.node_type import StepFunction
from graphflow.check.checked import ExpandedNode
from graphflow.plan.sources import StepSource
from graphflow.values.component import Component


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a run.

    Attributes:
        path: `fill/decode`, or the node's path where the node is one step.
        function: what is called.
        params: argument → plain value.
        inputs: argument → source; steps are numbered by their place in the plan.
        wanted: outputs of the function that somebody reads.
        uses: role → component.
        key: digest of function, params and components: all of the recipe that is known before the run.
        cache: whether its result may be stored or taken from a store.
        also: paths of the equal steps that it stands for, too.
        node: the node that it belongs to, for messages and for checks that have to wait for values.
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
    node: ExpandedNode
    ports: dict[str, StepSource]
    """The node's ports as sources of this plan, where the node has to be checked again with real values."""
