"""Lower: live nodes become steps, equal steps become one.

Liveness goes backwards from the outputs through single steps, so a step that would make what nobody reads
(a decode whose picture is not wanted) is not there at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphflow.catalog.authoring import Planned, Step
from graphflow.catalog.node_type import StepFunction
from graphflow.catalog.signature import step_function
from graphflow.check.checked import ExpandedNode
from graphflow.check.propagate import facts_of_ports, planned
from graphflow.check.sources import NodeOutput, NodeSource, node_outputs
from graphflow.errors import DefinitionError
from graphflow.plan.sources import StepOutput, StepSource, in_steps, step_outputs
from graphflow.values.component import Component
from graphflow.values.sources import Format, Gather, Value
from graphflow.values.value import digest_of

_NO_PLAN = Planned()


@dataclass(slots=True)
class Draft:
    """A step before it has its place in the order; see `PlannedStep`."""

    path: str
    function: StepFunction
    params: dict[str, Any]
    inputs: dict[str, StepSource]
    wanted: set[str]
    uses: dict[str, Component]
    key: str
    cache: bool
    position: tuple[float, ...]
    node: ExpandedNode
    ports: dict[str, StepSource] = field(default_factory=dict)
    also: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Lowered:
    """All steps, producers first, and what the graph's outputs read."""

    steps: list[Draft]
    outputs: dict[str, StepSource]
    avoided: list[str]


def lower(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> Lowered:
    """The steps that these outputs need."""
    wanted = _live(nodes, outputs)
    return _Lowering(nodes).run(wanted, outputs)


@dataclass(slots=True)
class _Live:
    """What is needed of one node.

    Attributes:
        steps: of the node, with the outputs of each that are needed; empty where the node is one step.
    """

    outputs: set[str]
    planned: Planned = _NO_PLAN
    steps: list[tuple[Step, dict[str, str]]] = field(default_factory=list)
    avoided: list[str] = field(default_factory=list)


def _live(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[_Live | None]:
    live: list[_Live | None] = [None] * len(nodes)

    def want(source: NodeSource) -> None:
        if type(source) is NodeOutput:
            found = live[source.node]
            if found is None:
                live[source.node] = found = _Live(set())
            found.outputs.add(source.output)
        else:
            for one in node_outputs(source):
                want(one)

    for source in outputs.values():
        want(source)
    for node in reversed(nodes):
        found = live[node.index]
        if found is None:
            continue
        if node.planned is not None:
            found.planned = node.planned
            if found.planned.steps and found.outputs != node.wanted:
                found.planned = planned(node, facts_of_ports(node, nodes), found.outputs) or _NO_PLAN
        if not found.planned.steps:
            for source in node.sources.values():
                want(source)
            continue
        for port in _needed_steps(node, found):
            if port in node.sources:
                want(node.sources[port])
    return live


def _needed_steps(node: ExpandedNode, live: _Live) -> list[str]:
    """Choose the node's steps that are needed; returns the ports that they read."""
    names = {step.name for step in live.planned.steps}
    given_by_all = {output for step in live.planned.steps for output in step.outputs}
    if len(names) < len(live.planned.steps) or not live.outputs <= given_by_all:
        lost = ", ".join(sorted(live.outputs - given_by_all))
        raise DefinitionError(f"{node.type.name}: " + (f"no step gives {lost}" if lost else "two steps have one name"))
    read: dict[str, set[str]] = {name: set() for name in names}
    ports: list[str] = []
    for step in reversed(live.planned.steps):
        given = step.outputs if isinstance(step.outputs, Mapping) else {name: name for name in step.outputs}
        needed = {name: own for name, own in given.items() if name in live.outputs}
        inner = read[step.name]
        if not needed and not inner:
            live.avoided.append(f"{node.path}/{step.name}")
            continue
        live.steps.append((step, needed))
        for origin in origins(step):
            name, dot, output = origin.partition(".")
            if not dot:
                ports.append(origin)
            elif name not in names:
                raise DefinitionError(
                    f"{node.type.name}: the step {step.name} reads {origin}, and there is no step {name}"
                )
            else:
                read[name].add(output)
    live.steps.reverse()
    return ports


class _Lowering:
    """Makes steps node by node, producers first, and keeps one of equal ones."""

    def __init__(self, nodes: Sequence[ExpandedNode]) -> None:
        self.nodes = nodes
        self.steps: list[Draft] = []
        self._by_recipe: dict[Any, int] = {}
        self._outputs: dict[NodeOutput, StepOutput] = {}
        self._params: dict[Any, str] = {}

    def run(self, live: Sequence[_Live | None], outputs: Mapping[str, NodeSource]) -> Lowered:
        avoided: list[str] = []
        for node in self.nodes:
            found = live[node.index]
            if found is None:
                continue
            avoided += reversed(found.avoided)
            if found.planned.steps:
                self._many(node, found)
            else:
                self._one(node, found)
        lowered = {name: in_steps(source, self._outputs) for name, source in outputs.items()}
        for source in lowered.values():
            self._want(source)
        return Lowered(self.steps, lowered, avoided)

    def _one(self, node: ExpandedNode, live: _Live) -> None:
        inputs = {name: in_steps(source, self._outputs) for name, source in node.sources.items()}
        uses = dict(live.planned.uses)
        index = self._add(node, node.path, node.type.function, node.params, inputs, uses, node.position)
        for output in live.outputs:
            self._outputs[NodeOutput(node.index, output)] = StepOutput(index, output)

    def _many(self, node: ExpandedNode, live: _Live) -> None:
        made: dict[str, int] = {}
        functions: dict[str, StepFunction] = {}
        for number, (step, needed) in enumerate(live.steps):
            function = step_function(step.run, node.type.shipped_version)
            _fitting(node, step, function, functions)
            functions[step.name] = function
            inputs: dict[str, StepSource] = {}
            for argument, given in step.inputs.items():
                if isinstance(given, str):
                    source = self._origin(node, given, made)
                    if source is not None:
                        inputs[argument] = source
                else:
                    items = [self._origin(node, origin, made) for origin in given]
                    inputs[argument] = Gather(tuple([item for item in items if item is not None]))
            path = f"{node.path}/{step.name}"
            index = self._add(
                node, path, function, dict(step.params), inputs, dict(step.uses), (*node.position, float(number))
            )
            made[step.name] = index
            for output, own in needed.items():
                self._outputs[NodeOutput(node.index, output)] = StepOutput(index, own)

    def _origin(self, node: ExpandedNode, origin: str, made: Mapping[str, int]) -> StepSource | None:
        """What a step's argument reads: another step's output, or a port of the node; None if that is not given."""
        name, dot, output = origin.partition(".")
        if dot:
            return StepOutput(made[name], output)
        return in_steps(node.sources[name], self._outputs) if name in node.sources else None

    def _add(
        self,
        node: ExpandedNode,
        path: str,
        function: StepFunction,
        params: dict[str, Any],
        inputs: dict[str, StepSource],
        uses: dict[str, Component],
        position: tuple[float, ...],
    ) -> int:
        key = self._static_key(function, params, uses)
        for source in inputs.values():
            self._want(source)
        cache = node.cache and function.deterministic
        recipe = (key, tuple([(name, _token(source)) for name, source in inputs.items()])) if cache else None
        known = self._by_recipe.get(recipe) if recipe is not None else None
        if known is not None:
            self.steps[known].also.append(path)
            return known
        index = len(self.steps)
        draft = Draft(path, function, params, inputs, set(), uses, key, cache, position, node)
        if node.verify:
            made = {name: source for name, source in node.sources.items() if self._is_made(source)}
            draft.ports = {name: in_steps(source, self._outputs) for name, source in made.items()}
        self.steps.append(draft)
        if recipe is not None:
            self._by_recipe[recipe] = index
        return index

    def _is_made(self, source: NodeSource) -> bool:
        """Whether every node that a source reads is in the plan (a port that no needed step reads may be not)."""
        return all(output in self._outputs for output in node_outputs(source))

    def _static_key(self, function: StepFunction, params: dict[str, Any], uses: dict[str, Component]) -> str:
        text = "\n".join([
            function.identity,
            *[f"{name}={type(value).__name__} {_param_text(value)}" for name, value in sorted(params.items())],
            *[f"{role}:{component.identity}" for role, component in sorted(uses.items())],
        ])  # fmt: skip
        known = self._params.get(text)
        if known is None:
            known = self._params[text] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return known

    def _want(self, source: StepSource) -> None:
        for read in (source,) if type(source) is StepOutput else step_outputs(source):
            self.steps[read.step].wanted.add(read.output)


def origins(step: Step) -> list[str]:
    """Everything that a step reads, in the order in which it is written."""
    return [one for read in step.inputs.values() for one in ((read,) if isinstance(read, str) else read)]


def _fitting(node: ExpandedNode, step: Step, function: StepFunction, earlier: Mapping[str, StepFunction]) -> None:
    """Refuse a step whose declaration and function disagree, when the plan is made and not in the middle of a run.

    Raises:
        DefinitionError: it does; says in what.
    """
    wrong = _misfit(node, step, function, earlier)
    if wrong:
        raise DefinitionError(f"{node.type.name}: the step {step.name} {wrong}")


def _misfit(node: ExpandedNode, step: Step, function: StepFunction, earlier: Mapping[str, StepFunction]) -> str:
    given = set(step.params)
    for argument, read in step.inputs.items():
        for origin in (read,) if isinstance(read, str) else read:
            name, dot, output = origin.partition(".")
            if dot and name not in earlier:
                return f"reads {origin}, and {name} is no step before it"
            if dot and output not in earlier[name].outputs:
                return f"reads {origin}, and the outputs of {name} are {', '.join(earlier[name].outputs)}"
            if not dot and name not in node.type.ports:
                return f"reads {origin}, which is no port"
            if dot or name in node.sources:
                given.add(argument)
    unknown = sorted({*step.inputs, *step.params} - set(function.arguments))
    if unknown:
        return f"gives {', '.join(unknown)}, which its function does not take"
    missing = [name for name in function.arguments if name not in given and name not in function.optional]
    if missing:
        return f"does not give {', '.join(missing)}"
    named = step.outputs.values() if isinstance(step.outputs, Mapping) else step.outputs
    strange = [output for output in named if output not in function.outputs]
    return f"has no output {', '.join(strange)}" if strange else ""


def _param_text(value: Any) -> str:
    known = getattr(value, "digest", None)
    if known is not None:
        return str(known)
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{type(item).__name__} {_param_text(item)}" for item in value) + ")"
    return repr(value)


def _token(source: StepSource) -> Any:
    """Equal for sources that will have equal values."""
    if type(source) is StepOutput:
        return source
    if isinstance(source, Value):
        return digest_of(source.value)
    if isinstance(source, Gather):
        return ("list", *[_token(item) for item in source.items])
    if isinstance(source, Format):
        return ("text", *[part if isinstance(part, str) else _token(part) for part in source.parts])
    return source
