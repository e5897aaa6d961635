"""Propagate: pass facts of values forward through the expanded graph, and apply the rules of its nodes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.catalog.authoring import Planned
from graphflow.catalog.node_type import NodeType
from graphflow.catalog.rules import PlanFailed, faults, output_facts, planned, problem_of
from graphflow.check.checked import ExpandedNode, named_source
from graphflow.check.sources import Absent, NodeOutput, NodeSource, node_outputs
from graphflow.problems import Fault, Problem
from graphflow.values.facts import UNKNOWN, Facts, facts_of
from graphflow.values.sources import Format, Gather, ItemOf, Value
from graphflow.values.types import ListOf

_NOTHING = Planned()


def propagate(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[Problem]:
    """Give every node its facts and its plan function's result; returns refusals and hints of the nodes."""
    wanted = _wanted(nodes, outputs)
    readers: Mapping[NodeSource | None, set[str]] | None = None
    problems: dict[Any, Problem] = {}
    for node in nodes:
        if node.type.plain:
            continue
        _ask(node, nodes, frozenset(wanted[node.index]))
        for fault in faults(node.type, node.port_facts, node.planned):
            source = node.sources.get(fault.about)
            if fault.unless_read_by:
                readers = _readers(nodes) if readers is None else readers
                if fault.unless_read_by in readers.get(source, ()):
                    continue
            problem = problem_of(fault, node, node.place_of(fault.about), named_source(source, nodes))
            # The same fault in several items or uses is one problem; a graph built in Python has no lines.
            where = problem.place if problem.place.line else re.sub(r"\[\d+\]", "", node.path)
            problems.setdefault((problem.code, where, fault.message, problem.used[1:]), problem)
    return list(problems.values())


def _ask(node: ExpandedNode, nodes: Sequence[ExpandedNode], wanted: frozenset[str]) -> None:
    """Fill in the facts of a node, after those of its producers."""
    node.wanted = wanted
    node.port_facts = {name: _port_facts(source, nodes, node.type, name) for name, source in node.sources.items()}
    try:
        node.planned = planned(node, node.port_facts, wanted)
    except PlanFailed as failure:
        # One problem among the graph's others.
        fix = f"correct the plan function of {node.type.name}, or remove the node"
        node.planned = Planned(problems=(Fault(failure.message, failure.why, fix),))
    node.facts = output_facts(node.type, node.port_facts, node.planned)
    node.verify = any(map(_unsure, node.port_facts.values())) or (node.planned or _NOTHING).verify


def _wanted(nodes: Sequence[ExpandedNode], outputs: Mapping[str, NodeSource]) -> list[set[str]]:
    """The outputs of each node that a node or an output of the graph reads."""
    wanted: list[set[str]] = [set() for _ in nodes]
    for sources in (outputs, *(node.sources for node in nodes)):
        for source in sources.values():
            for read in node_outputs(source):
                wanted[read.node].add(read.output)
    return wanted


def _readers(nodes: Sequence[ExpandedNode]) -> Mapping[NodeSource | None, set[str]]:
    """Source → names of the node types that read it."""
    readers: dict[NodeSource | None, set[str]] = {}
    for node in nodes:
        for source in node.sources.values():
            if type(source) is NodeOutput:
                readers.setdefault(source, set()).add(node.type.name)
    return readers


def _port_facts(source: NodeSource, nodes: Sequence[ExpandedNode], type_: NodeType, port: str) -> Facts:
    """The facts of a port's value."""
    facts = _source_facts(source, nodes)
    single = not isinstance(source, NodeOutput) or not isinstance(
        nodes[source.node].type.outputs[source.output].type, ListOf
    )
    if isinstance(type_.ports[port].type, ListOf) and facts.items is None and single:
        return Facts(items=(facts,))
    return facts


def _source_facts(source: NodeSource, nodes: Sequence[ExpandedNode]) -> Facts:
    """The facts of a source's value."""
    if isinstance(source, NodeOutput):
        node = nodes[source.node]
        facts = node.facts.get(source.output, UNKNOWN)
        output = node.type.outputs[source.output]
        word = str(output.type)
        return facts if facts.word or facts.items is not None else dataclasses.replace(facts, word=word)
    if isinstance(source, Value):
        return facts_of(source.value)
    if isinstance(source, Gather):
        return Facts(items=tuple(_source_facts(item, nodes) for item in source.items if not isinstance(item, Absent)))
    if isinstance(source, ItemOf):
        whole = nodes[source.source.node].facts.get(source.source.output, UNKNOWN)
        return whole.items[source.item] if whole.items is not None and source.item < len(whole.items) else UNKNOWN
    return Facts(word="string") if isinstance(source, Format) else UNKNOWN


def _unsure(facts: Facts) -> bool:
    """Whether a fact that rules need is still unknown."""
    if facts.items is not None:
        return any(map(_unsure, facts.items))
    if facts.word == "image_embedding":
        return facts.space is None
    return facts.size is None and facts.word not in ("string", "int", "float", "bool")
