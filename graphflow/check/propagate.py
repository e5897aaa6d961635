"""Propagate: facts of values forward through the expanded graph, and what follows from them.

A fault that a node's plan function or an annotation finds here is told before the run; the same rules are
asked again with the facts of real values where some were unknown (`faults`), so the text is the same.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.catalog.authoring import Planned
from graphflow.catalog.node_type import NodeType
from graphflow.check.checked import ExpandedNode
from graphflow.check.sources import Absent, NodeOutput, NodeSource, node_outputs
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.document.refusal import Refusal
from graphflow.errors import DefinitionError, FileProblem, GraphflowError
from graphflow.problems import CODES, Fault, Place, Problem
from graphflow.values.facts import UNKNOWN, Facts, facts_of
from graphflow.values.sources import Format, Gather, ItemOf, Value
from graphflow.values.types import ListOf
from graphflow.values.value import describe

_NOTHING = Planned()
_NO_FACTS: Mapping[str, Facts] = {}


def propagate(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[Problem]:
    """Give every node its facts and its plan function's answer; returns what the nodes refuse or advise."""
    wanted = _wanted(nodes, outputs)
    readers = _readers(nodes)
    problems: dict[Any, Problem] = {}
    for node in nodes:
        if node.type.plain:
            continue
        facts = facts_of_ports(node, nodes)
        node.wanted = frozenset(wanted[node.index])
        node.planned = _planned_or_told(node, facts, wanted[node.index])
        node.facts = output_facts(node.type, facts, node.planned)
        node.verify = any(_unsure(one) for one in facts.values()) or (node.planned or _NOTHING).verify
        for fault in faults(node, facts, node.planned):
            if fault.unless_read_by and fault.unless_read_by in readers.get(node.sources.get(fault.about), ()):
                continue
            problem = problem_of(fault, node, nodes)
            # One fault of a for_each or of a template used often is one problem; a graph built in Python has no lines.
            where = problem.place if problem.place.line else re.sub(r"\[\d+\]", "", node.path)
            problems.setdefault((problem.code, where, fault.message, problem.used[1:]), problem)
    return list(problems.values())


def _wanted(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[set[str]]:
    """The outputs of each node that some node or graph output names."""
    wanted: list[set[str]] = [set() for _ in nodes]
    for sources in (outputs, *(node.sources for node in nodes)):
        for source in sources.values():
            if type(source) is NodeOutput:
                wanted[source.node].add(source.output)
            else:
                for one in node_outputs(source):
                    wanted[one.node].add(one.output)
    return wanted


def _readers(nodes: Sequence[ExpandedNode]) -> Mapping[NodeSource | None, set[str]]:
    """NodeSource → names of the node types that read it."""
    readers: dict[NodeSource | None, set[str]] = {}
    for node in nodes:
        for source in node.sources.values():
            if type(source) is NodeOutput:
                readers.setdefault(source, set()).add(node.type.name)
    return readers


def facts_of_ports(node: ExpandedNode, nodes: Sequence[ExpandedNode]) -> dict[str, Facts]:
    """What is known of the value of each port that is given."""
    return {name: port_facts(source, nodes, node.type, name) for name, source in node.sources.items()}


def port_facts(source: NodeSource, nodes: Sequence[ExpandedNode], type_: NodeType, port: str) -> Facts:
    """What is known of the value that a port will get."""
    facts = source_facts(source, nodes)
    single = not isinstance(source, NodeOutput) or not isinstance(
        nodes[source.node].type.outputs[source.output].type, ListOf
    )
    if isinstance(type_.ports[port].type, ListOf) and facts.items is None and single:
        return Facts(items=(facts,))
    return facts


def source_facts(source: NodeSource, nodes: Sequence[ExpandedNode]) -> Facts:
    """What is known of a source's value."""
    if isinstance(source, NodeOutput):
        node = nodes[source.node]
        facts = node.facts.get(source.output, UNKNOWN)
        output = node.type.outputs[source.output]
        word = str(output.type)
        return facts if facts.word or facts.items is not None else dataclasses.replace(facts, word=word)
    if isinstance(source, Value):
        return facts_of(source.value)
    if isinstance(source, Gather):
        return Facts(items=tuple(source_facts(item, nodes) for item in source.items if not isinstance(item, Absent)))
    if isinstance(source, ItemOf):
        whole = nodes[source.source.node].facts.get(source.source.output, UNKNOWN)
        return whole.items[source.item] if whole.items is not None and source.item < len(whole.items) else UNKNOWN
    return Facts(word="string") if isinstance(source, Format) else UNKNOWN


def _planned_or_told(node: ExpandedNode, facts: Mapping[str, Facts], wanted: set[str]) -> Planned | None:
    """The plan function's answer; where it fails, that is one problem beside the graph's others."""
    try:
        return planned(node, facts, wanted)
    except PlanFailed as failure:
        fix = f"mend the plan function of {node.type.name}, or leave the node out"
        return Planned(problems=(Fault(failure.told, failure.why, fix),))


class PlanFailed(DefinitionError):
    """A plan function raised an error that it should not.

    Attributes:
        told: whose plan function it is.
        why: the error.
    """

    def __init__(self, node: ExpandedNode, error: Exception) -> None:
        self.told, self.why = f"the plan function of {node.type.name} failed", f"{type(error).__name__}: {error}"
        super().__init__(f"{self.told} for {node.path}: {self.why}")


def planned(node: ExpandedNode, facts: Mapping[str, Facts], wanted: set[str] | frozenset[str]) -> Planned | None:
    """The plan function's answer; None where the type has none.

    Raises:
        PlanFailed: it fails.
        DefinitionError: it answers something else.
    """
    if node.type.plan is None:
        return None
    checkpoints = {name: value for name, value in node.params.items() if isinstance(value, Checkpoint)}
    try:
        answer = node.type.plan(facts, node.params, checkpoints, frozenset(wanted))
    except Refusal as refusal:
        # A file of a checkpoint that is read only now.
        about = next(iter(checkpoints), "")
        told = tuple(Fault(one.message, one.why, one.fix, about, one.code) for one in (refusal, *refusal.more))
        return Planned(problems=told)
    except FileProblem as error:
        fix = error.fix or "get the file again"
        return Planned(problems=(Fault(error.message, error.why, fix, next(iter(checkpoints), ""), error.code),))
    except GraphflowError:
        raise
    except Exception as error:
        raise PlanFailed(node, error) from error
    if not isinstance(answer, Planned):
        raise DefinitionError(f"the plan function of {node.type.name} returned {describe(answer)}, and not Planned(…)")
    return answer


def output_facts(type_: NodeType, facts: Mapping[str, Facts], planned: Planned | None) -> Mapping[str, Facts]:
    """Facts of the outputs: the plan function's, else what the annotations say."""
    known = dict(planned.outputs) if planned is not None else {}
    for name, output in type_.outputs.items():
        if name not in known and (output.size_of or output.space_of):
            size = facts.get(output.size_of or "", UNKNOWN)
            space = facts.get(output.space_of or "", UNKNOWN).space
            known[name] = Facts(size.width, size.height, space)
    return known or _NO_FACTS


def faults(node: ExpandedNode, facts: Mapping[str, Facts], planned: Planned | None) -> list[Fault]:
    """What the node refuses or advises, given these facts of its ports."""
    found = list(planned.problems) if planned is not None else []
    for name, port in node.type.ports.items():
        if port.same_size is None or name not in facts or port.same_size not in facts:
            continue
        mine, other = facts[name].size, facts[port.same_size].size
        if mine is not None and other is not None and mine != other:
            found.append(
                Fault(
                    f"{name} and {port.same_size} have different sizes",
                    why=f"{name} is {mine[0]}×{mine[1]}, {port.same_size} is {other[0]}×{other[1]}",
                    fix=f"put a resize to {other[0]}×{other[1]} before {name}, or one that is like {port.same_size}",
                    about=name,
                    code="size-mismatch",
                )
            )
    return found


def _unsure(facts: Facts) -> bool:
    """Whether a value could still show something that a rule asks for."""
    if facts.items is not None:
        return any(map(_unsure, facts.items))
    return facts.size is None and facts.word not in ("string", "int", "float", "bool")


def problem_of(fault: Fault, node: ExpandedNode, nodes: Sequence[ExpandedNode]) -> Problem:
    """A fault with the place of what it is about, and the name of who sent it where the texts have `{sender}`."""
    if fault.code not in CODES:
        raise DefinitionError(f"{node.type.name} uses the problem code {fault.code}, which is not in the table")
    place = node.places.place_of(fault.about) if node.places is not None else Place()
    named = _sender(node.sources.get(fault.about), nodes)
    texts = [text.replace("{sender}", named) for text in (fault.message, fault.why, fault.fix)]
    return Problem(fault.code, f"{node.path}: {texts[0]}", texts[1], texts[2], place, node.used)


def _sender(source: NodeSource | None, nodes: Sequence[ExpandedNode]) -> str:
    """How the output is named that a port reads, such as `fill.latents`."""
    if isinstance(source, ItemOf):
        return f"{_sender(source.source, nodes)}[{source.item}]"
    return f"{nodes[source.node].path}.{source.output}" if isinstance(source, NodeOutput) else "the value given"
