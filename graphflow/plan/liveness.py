"""Liveness: the nodes and steps that the chosen outputs need, determined backwards from the outputs.

Steps are selected one by one, so a plan contains no step whose result nothing reads, such as the decode of a picture
that is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphflow.catalog.authoring import Planned, Step
from graphflow.catalog.rules import planned
from graphflow.check.checked import ExpandedNode
from graphflow.check.sources import NodeSource, node_outputs
from graphflow.errors import DefinitionError

_NO_PLAN = Planned()


@dataclass(slots=True)
class Need:
    """The outputs and steps of one node that are needed.

    Attributes:
        outputs: outputs of the node that something reads.
        planned: the result of the plan function for these outputs.
        steps: the needed steps, each with its needed outputs, as output of the node → output of the step; empty if the
            node is a single step.
        avoided: paths of the steps that are not needed, in reverse order.
    """

    outputs: set[str]
    planned: Planned = _NO_PLAN
    steps: list[tuple[Step, dict[str, str]]] = field(default_factory=list)
    avoided: list[str] = field(default_factory=list)


def needs_of(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[Need | None]:
    """The need of each node for these outputs; None for a node that is not needed."""
    needs: list[Need | None] = [None] * len(nodes)

    def want(source: NodeSource) -> None:
        for read in node_outputs(source):
            need = needs[read.node]
            if need is None:
                needs[read.node] = need = Need(set())
            need.outputs.add(read.output)

    for source in outputs.values():
        want(source)
    for node in reversed(nodes):
        need = needs[node.index]
        if need is None:
            continue
        if node.planned is not None:
            need.planned = node.planned
            if need.planned.steps and need.outputs != node.wanted:
                need.planned = planned(node, node.port_facts, need.outputs) or _NO_PLAN
        if not need.planned.steps:
            for source in node.sources.values():
                want(source)
            continue
        for port in _needed_steps(node, need):
            if port in node.sources:
                want(node.sources[port])
    return needs


def _needed_steps(node: ExpandedNode, need: Need) -> list[str]:
    """Add the node's needed steps to `need`; returns the ports that they read."""
    names = _step_names(node, need)
    read: dict[str, set[str]] = {name: set() for name in names}
    ports: list[str] = []
    for step in reversed(need.planned.steps):
        given = step.outputs if isinstance(step.outputs, Mapping) else {name: name for name in step.outputs}
        needed = {name: own for name, own in given.items() if name in need.outputs}
        if not needed and not read[step.name]:
            need.avoided.append(f"{node.path}/{step.name}")
            continue
        need.steps.append((step, needed))
        for origin in _origins(step):
            name, dot, output = origin.partition(".")
            if not dot:
                ports.append(origin)
            elif name not in names:
                message = f"the step {step.name} reads {origin}, and there is no step {name}"
                raise DefinitionError(f"{node.type.name}: {message}")
            else:
                read[name].add(output)
    need.steps.reverse()
    return ports


def _step_names(node: ExpandedNode, need: Need) -> set[str]:
    """The names of a node's steps.

    Raises:
        DefinitionError: two steps have the same name, or no step has an output that is needed.
    """
    steps = need.planned.steps
    names = {step.name for step in steps}
    given = {output for step in steps for output in step.outputs}
    if len(names) < len(steps) or not need.outputs <= given:
        lost = ", ".join(sorted(need.outputs - given))
        raise DefinitionError(f"{node.type.name}: " + (f"no step gives {lost}" if lost else "two steps have one name"))
    return names


def _origins(step: Step) -> list[str]:
    """Everything that a step reads, in the order of its declaration."""
    return [origin for read in step.inputs.values() for origin in ((read,) if isinstance(read, str) else read)]
