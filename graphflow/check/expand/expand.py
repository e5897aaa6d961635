"""Expand: insert templates, unroll `for_each`, decide `when`, compute every param.

It works with a stack of frames (one per template instance) instead of recursion; nodes of a frame come with producers
first, and so does the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphflow.catalog.node_type import LABELS, NodeType
from graphflow.check.checked import Alone, AloneOutput, ExpandedNode
from graphflow.check.expand.evaluate import Evaluator
from graphflow.check.expand.frame import Frame, Instance, Outputs
from graphflow.check.expand.items import Loops
from graphflow.check.expand.param_values import param_value
from graphflow.check.expand.picture_nodes import PictureNodes
from graphflow.check.expand.quota import Quota, TooMuch
from graphflow.check.expand.reports import Reports
from graphflow.check.expand.template_inputs import TemplateInputs
from graphflow.check.literals import Literals
from graphflow.check.read.expressions import Expr
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.seeds import SEED, SEEDS, sets_input
from graphflow.check.sources import (
    NOT_KNOWN,
    UNKNOWN_SOURCE,
    Absent,
    NodeOutput,
    NodeSource,
    is_unknown,
    known_value,
    without_absent,
)
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.refusal import Refusal
from graphflow.problems import Problem
from graphflow.values.sources import Gather, ItemOf, Value
from graphflow.values.types import ListOf


@dataclass(frozen=True)
class Expanded:
    """A document with every node that can run.

    Attributes:
        nodes: producers first.
        outputs: output of the graph → source.
        skipped: path → why the node does not run.
        problems: found by the expansion.
        alone: output of a template with `run_seed` → the same output of a graph alone.
    """

    nodes: list[ExpandedNode]
    outputs: Outputs
    skipped: dict[str, str]
    problems: list[Problem]
    alone: dict[NodeSource, AloneOutput]


def expand(resolved: Resolved, inputs: dict[str, NodeSource], literals: Literals, seed: int) -> Expanded:
    """Expand a whole graph.

    Args:
        resolved: the document.
        inputs: the value of each of its inputs.
        literals: reads texts that become files or checkpoints, and defaults of templates' inputs.
        seed: the run's seed.
    """
    reports = Reports()
    quota = Quota(reports)
    nodes: list[ExpandedNode] = []
    evaluator = Evaluator(literals, reports, quota)
    pictures = PictureNodes(nodes)
    expander = _Expander(
        nodes,
        reports,
        quota,
        evaluator,
        Loops(evaluator, nodes, reports, quota),
        pictures,
        TemplateInputs(literals, reports),
    )
    root = expander.run(resolved, inputs, seed)
    shown = _unread(root) if resolved.outputs is None else _outputs_of(root, evaluator)
    shown |= {name: evaluator.evaluate(expr, root) for name, expr in resolved.requested.items() if name not in shown}
    outputs = {name: pictures.delivered(source, (float("inf"),)) for name, source in shown.items()}
    return Expanded(nodes, outputs, expander.skipped, reports.problems, expander.alone)


def _outputs_of(frame: Frame, evaluator: Evaluator) -> Outputs:
    """The outputs of a finished frame."""
    return {name: evaluator.evaluate(expr, frame) for name, expr in (frame.resolved.outputs or {}).items()}


def _unread(root: Frame) -> Outputs:
    """For a document without `outputs`: the first output of every node that nothing reads, under its id."""
    read = {ref.name for decl in root.resolved.document.nodes.values() for ref, _ in decl.references}
    unread = {id_: root.outputs.get(id_) for id_ in root.resolved.nodes if id_ not in read}
    return {id_: next(iter(own.values())) for id_, own in unread.items() if own}


class _Expander:
    """Expands frame by frame.

    Args:
        nodes: where expanded nodes go.
        reports: gets problems.
        quota: counts the results.
        evaluator: turns expressions into sources.
        loops: unrolls `for_each`.
        pictures: adds nodes that read picture files.
        template_inputs: gives the inputs of templates their values.
    """

    def __init__(
        self,
        nodes: list[ExpandedNode],
        reports: Reports,
        quota: Quota,
        evaluator: Evaluator,
        loops: Loops,
        pictures: PictureNodes,
        template_inputs: TemplateInputs,
    ) -> None:
        self.skipped: dict[str, str] = {}
        self.alone: dict[NodeSource, AloneOutput] = {}
        self._nodes = nodes
        self._reports = reports
        self._quota = quota
        self._evaluator = evaluator
        self._loops = loops
        self._pictures = pictures
        self._template_inputs = template_inputs
        self._stack: list[Frame] = []

    def run(self, resolved: Resolved, inputs: dict[str, NodeSource], seed: int) -> Frame:
        """Expand a whole graph whose inputs and seed have these values."""
        root = Frame(resolved, inputs, "", "", (), (), True, seed)
        self._push(root)
        try:
            while self._stack:
                frame = self._stack[-1]
                if next(frame.work, self) is self:
                    # The frame is finished, so the one that waits for it continues.
                    self._stack.pop()
        except TooMuch:
            # The graph is expanded only in part, so nothing more can be checked.
            self._stack.clear()
            self._nodes.clear()
            root.outputs.clear()
        return root

    def _push(self, frame: Frame) -> None:
        frame.work = self._work(frame)
        self._stack.append(frame)

    def _work(self, frame: Frame) -> Iterator[None]:
        """Expand the nodes of a frame; yields after pushing a frame that must be finished first."""
        number = {id_: place for place, id_ in enumerate(frame.resolved.nodes)}
        for id_ in frame.resolved.order:
            node = frame.resolved.nodes[id_]
            self._count(frame, node, frame.path + id_)
            position = (*frame.position, float(number[id_]))
            if node.when is not None and known_value(self._evaluator.evaluate(node.when, frame)) is False:
                self._skip(frame, node)
            elif node.decl.for_each is None:
                instance = self._instance(frame, node, id_, position)
                yield from self._expand(instance, {})
            else:
                yield from self._expand_items(frame, node, position)

    def _skip(self, frame: Frame, node: ResolvedNode) -> None:
        path, reason = frame.path + node.decl.id, "when is false"
        self.skipped[path] = reason
        frame.outputs[node.decl.id] = {name: Absent(f"{path}: {reason}") for name in node.outputs or {}}

    def _expand_items(self, frame: Frame, node: ResolvedNode, position: tuple[float, ...]) -> Iterator[None]:
        """Expand a node once for each item of its `for_each`; its outputs are lists."""
        id_ = node.decl.id
        items = self._loops.items(frame, node)
        if items is None:
            frame.outputs[id_] = {}
            return
        listed: list[Outputs] = []
        for index, (item, label) in enumerate(items):
            if index:
                self._count(frame, node, f"{frame.path}{id_}[{index}]")
            instance = self._instance(frame, node, f"{id_}[{index}]", (*position, float(index)))
            yield from self._expand(instance, item)
            outputs = frame.outputs[id_]
            gone = bool(outputs) and all(isinstance(source, Absent) for source in outputs.values())
            listed.append({**outputs, LABELS: Absent(f"{id_}[{index}] does not run") if gone else Value(label)})
        names = [*(node.outputs or {}), LABELS]
        frame.outputs[id_] = {
            name: Gather(tuple([outputs.get(name, UNKNOWN_SOURCE) for outputs in listed])) for name in names
        }

    def _instance(self, frame: Frame, node: ResolvedNode, name: str, position: tuple[float, ...]) -> Instance:
        cache = frame.cache and self._flag(frame, node.cache)
        return Instance(frame, node, frame.path + name, frame.bare + node.decl.id, position, cache)

    def _flag(self, frame: Frame, expr: Expr | None) -> bool:
        return expr is None or known_value(self._evaluator.evaluate(expr, frame)) is not False

    def _count(self, frame: Frame, node: ResolvedNode, path: str) -> None:
        place = node.decl.ref.place
        self._quota.count_node(path, place, frame.used)
        if node.template is not None:
            self._quota.count_read(len(node.template.document.inputs), place, frame.used)
        elif node.type is not None:
            self._quota.count_read(len(node.type.keys), place, frame.used)

    def _expand(self, instance: Instance, item: Outputs) -> Iterator[None]:
        """Expand one instance of a node, for which `for_each` sets the values in `item`."""
        frame, node = instance.frame, instance.node
        sources = {name: self._evaluator.evaluate(expr, frame) for name, expr in node.ports.items()}
        if node.template is not None:
            inner = self._use(instance, node.template, sources | item)
            self._push(inner)
            yield
            frame.outputs[node.decl.id] = outputs = _outputs_of(inner, self._evaluator)
            if node.gives(RUN_SEED):
                self._note_alone(inner, outputs)
        elif node.type is None:
            frame.outputs[node.decl.id] = {}
        else:
            params = {name: self._evaluator.evaluate(expr, frame) for name, expr in node.params.items()}
            for name, source in item.items():
                (params if name in node.type.params else sources)[name] = source
            frame.outputs[node.decl.id] = self._typed(instance, node.type, params, sources)

    def _use(self, instance: Instance, template: Resolved, sources: Outputs) -> Frame:
        """The frame of a use of a template."""
        frame, node, path, bare, position, cache = instance
        used = ((node.decl.ref.place, path), *frame.used)
        if node.run_seed is not None:
            sources[RUN_SEED] = self._evaluator.evaluate(node.run_seed, frame)
        seed = self._run_seed(instance, sources.pop(RUN_SEED, None))
        if seed is None:
            inputs = self._template_inputs.of(node, template, sources, used)
            return Frame(template, inputs, path + "/", bare + "/", position, used, cache, frame.seed, frame.alone)
        if sets_input(template.document, sources):
            sources[SEED] = Value(seed)
        inputs = self._template_inputs.of(node, template, sources, used)
        return Frame(template, inputs, path + "/", "", position, used, cache, seed, True)

    def _run_seed(self, instance: Instance, source: NodeSource | None) -> int | None:
        """The seed of a template that is to run like a graph of its own; None if it is not."""
        value = NOT_KNOWN if source is None else known_value(source)
        if not isinstance(value, int):
            return None
        if not 0 <= value < SEEDS:
            node = instance.node
            message, fix = f"{value} is not a seed", f"write a whole number from 0 to {SEEDS - 1}"
            refusal = Refusal("bad-value", f"{node.decl.id}.{RUN_SEED}: {message}", "", fix)
            self._reports.refuse(refusal, node.place_of(RUN_SEED), instance.frame.used)
            return None
        return value

    def _note_alone(self, frame: Frame, outputs: Outputs) -> None:
        """Remember which outputs a template with `run_seed` could make as a graph of its own."""
        if not all(isinstance(source, Value) for source in frame.inputs.values()):
            return
        alone = Alone(frame.resolved, frame.inputs, frame.seed)
        for name, source in outputs.items():
            present = without_absent(source) if isinstance(source, Gather) else source
            items = enumerate(present.items) if isinstance(present, Gather) else ((None, present),)
            for number, item in items:
                if isinstance(item, (NodeOutput, ItemOf)):
                    # In a template of this kind that uses another one, the inner graph is the smaller one.
                    self.alone.setdefault(item, AloneOutput(alone, name, number))

    def _typed(self, instance: Instance, type_: NodeType, params: Outputs, sources: Outputs) -> Outputs:
        """The outputs of a node of this type, which is added if it can run."""
        ports: Outputs = {}
        for name, source in sources.items():
            if isinstance(type_.ports[name].type, ListOf):
                source = without_absent(source)
            if not isinstance(source, Absent):
                ports[name] = self._delivered(instance, name, source)
            elif not type_.ports[name].optional:
                return self._absent(instance, type_, name, source)
        for name in [name for name, source in params.items() if isinstance(source, Absent)]:
            absent = params.pop(name)
            if type_.params[name].required:
                return self._absent(instance, type_, name, absent)
        values, broken = {}, False
        for name, param in type_.params.items():
            values[name] = value = param_value(param, params.get(name), instance, instance.frame.seed, self._reports)
            broken = broken or value is NOT_KNOWN
        if type_.select is not None and not broken:
            # Both sides were read for their problems; only the selected one is used.
            chosen = type_.select(values)
            return dict.fromkeys(type_.outputs, sources.get(chosen, Absent(f"{instance.path}.{chosen} is not given")))
        missing = any(name not in ports for name in type_.required_ports)
        if broken or missing or any(map(is_unknown, ports.values())):
            return dict.fromkeys(type_.outputs, UNKNOWN_SOURCE)
        return self._add(instance, type_, values, ports)

    def _delivered(self, instance: Instance, name: str, source: NodeSource) -> NodeSource:
        source = self._pictures.delivered(source, instance.position)
        listed = source.items if isinstance(source, Gather) else source.value if isinstance(source, Value) else None
        if isinstance(listed, tuple):
            self._quota.count_items(len(listed), instance.node.place_of(name), instance.frame.used)
        return source

    def _add(self, instance: Instance, type_: NodeType, values: dict[str, Any], ports: Outputs) -> Outputs:
        frame, node, path, _, position, cache = instance
        number = len(self._nodes)
        self._nodes.append(
            ExpandedNode(number, path, type_, position, values, ports, cache, node, frame.used, alone=frame.alone)
        )
        return {output: NodeOutput(number, output) for output in type_.outputs}

    def _absent(self, instance: Instance, type_: NodeType, name: str, source: NodeSource) -> Outputs:
        """The outputs of a node that does not run because the required value `name` is absent."""
        reason = f": {source.reason}" if isinstance(source, Absent) else ""
        self.skipped[instance.path] = f"{name} is absent{reason}"
        return dict.fromkeys(type_.outputs, Absent(f"{instance.path} does not run"))
