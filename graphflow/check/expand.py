"""Expand: templates put in, `for_each` unrolled, `when` decided, every param computed.

Works through a stack of frames (one a template instance), nodes of a frame with producers first, so depth
and length cost no Python frames. The result lists producers before readers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphflow.catalog.node_type import LABELS, NodeType, Param
from graphflow.check.checked import ExpandedNode
from graphflow.check.evaluate import Frame, Outputs, TooMuch
from graphflow.check.expressions import Const, Expr
from graphflow.check.inputs import default_value, outside_limits
from graphflow.check.literals import Picture
from graphflow.check.loops import Loops
from graphflow.check.picture_nodes import picture_type
from graphflow.check.resolved import Resolved, ResolvedNode
from graphflow.check.sources import UNKNOWN_SOURCE, Absent, NodeOutput, NodeSource, Unknown
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import shown
from graphflow.errors import InvalidValue
from graphflow.limits import NODES
from graphflow.problems import Place, Problem
from graphflow.values.sources import Gather, Value
from graphflow.values.types import ListOf
from graphflow.values.value import coerce


@dataclass
class Expander(Loops):
    """Collects expanded nodes and problems.

    Args:
        seed: the run's seed.
    """

    seed: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    _stack: list[Frame] = field(default_factory=list)
    _pictures: dict[tuple[str, str], NodeOutput] = field(default_factory=dict)
    _named: Counter[str] = field(default_factory=Counter)
    _nodes: int = 0
    _defaults: dict[tuple[int, str], tuple[Any, list[Problem]]] = field(default_factory=dict)
    """What the inputs of a template have by default, by the template and their name."""

    def run(self, resolved: Resolved, inputs: dict[str, NodeSource]) -> Frame:
        """Expand a whole graph whose inputs have these values."""
        root = self._push(resolved, inputs, "", "", (), (), True)
        try:
            while self._stack:
                frame = self._stack[-1]
                if next(frame.work, self) is self:
                    # A frame that is worked off leaves, and the one that waits for it goes on.
                    self._stack.pop()
        except TooMuch:
            # What was expanded so far is a piece of the graph, of which nothing can be said.
            self._stack.clear()
            self.nodes.clear()
            root.outputs.clear()
        return root

    def _push(
        self,
        resolved: Resolved,
        inputs: dict[str, NodeSource],
        path: str,
        bare: str,
        position: tuple[float, ...],
        used: tuple[tuple[Place, str], ...],
        cache: bool,
    ) -> Frame:
        frame = Frame(resolved, inputs, path, bare, position, used, cache, iter(()))
        frame.work = self._work(frame)
        self._stack.append(frame)
        return frame

    def _work(self, frame: Frame) -> Iterator[None]:
        """Expand the nodes of a frame; yields after pushing a frame that has to be worked off first."""
        number = {id_: place for place, id_ in enumerate(frame.resolved.nodes)}
        for id_ in frame.resolved.order:
            node = frame.resolved.nodes[id_]
            self._count(frame, node, frame.path + id_)
            position = (*frame.position, float(number[id_]))
            skip = self._skip_reason(frame, node)
            if skip is not None:
                self._skip(frame, node, skip)
                continue
            if node.decl.for_each is None:
                yield from self._one(frame, node, {}, None, position)
                continue
            items = self.items(frame, node)
            if items is None:
                frame.outputs[id_] = {}
                continue
            listed: list[Outputs] = []
            for index, (item, label) in enumerate(items):
                yield from self._one(frame, node, item, index, (*position, float(index)))
                one = frame.outputs[id_]
                gone = bool(one) and all(isinstance(source, Absent) for source in one.values())
                listed.append({**one, LABELS: Absent(f"{id_}[{index}] does not run") if gone else Value(label)})
            names = [*(node.outputs or {}), LABELS]
            frame.outputs[id_] = {
                name: Gather(tuple(one.get(name, UNKNOWN_SOURCE) for one in listed)) for name in names
            }

    def _one(
        self,
        frame: Frame,
        node: ResolvedNode,
        item: dict[str, NodeSource],
        index: int | None,
        position: tuple[float, ...],
    ) -> Iterator[None]:
        id_ = node.decl.id
        step = id_ if index is None else f"{id_}[{index}]"
        path, bare = frame.path + step, frame.bare + id_
        self._count(frame, node, path)
        cache = frame.cache and self._flag(frame, node.cache)
        sources = {name: self.evaluate(expr, frame) for name, expr in node.ports.items()} | item
        if node.template is not None:
            used = ((node.decl.ref.place, path), *frame.used)
            inputs = self._template_inputs(node, node.template, sources, used)
            inner = self._push(node.template, inputs, path + "/", bare + "/", position, used, cache)
            yield
            frame.outputs[id_] = self.outputs_of(inner)
        elif node.type is None:
            frame.outputs[id_] = {}
        else:
            params = {name: self.evaluate(expr, frame) for name, expr in node.params.items()}
            params |= {name: sources.pop(name) for name in list(sources) if name in node.type.params}
            frame.outputs[id_] = self._typed(frame, node, node.type, params, sources, path, bare, position, cache)

    def _count(self, frame: Frame, node: ResolvedNode, path: str) -> None:
        """Count one more node, or one more use of a template, at `path`.

        Raises:
            TooMuch: they are more than `NODES`, or read too much.
        """
        self._nodes += 1
        place = node.decl.ref.place
        if self._nodes > NODES:
            message = f"the graph has more than {NODES:,} nodes once templates are put in and for_each is unrolled"
            fix = "make lists shorter, use fewer templates, or make several graphs of it"
            self.stop(Refusal("over-limit", message, f"{path} is one of them", fix), place, frame.used)
        self.count_characters(len(path), place, frame.used)
        if node.template is not None:
            self.count_read(len(node.template.document.inputs), place, frame.used)
        elif node.type is not None:
            self.count_read(len(node.type.ports) + len(node.type.params), place, frame.used)

    def _typed(
        self,
        frame: Frame,
        node: ResolvedNode,
        type_: NodeType,
        params: dict[str, NodeSource],
        sources: dict[str, NodeSource],
        path: str,
        bare: str,
        position: tuple[float, ...],
        cache: bool,
    ) -> Outputs:
        ports, broken = {}, False
        for name, source in sources.items():
            port = type_.ports[name]
            if isinstance(port.type, ListOf):
                source = _without_absent(source)
            if isinstance(source, Absent):
                if port.optional:
                    continue
                return self._absent(path, type_, name, source)
            broken = broken or _is_broken(source)
            ports[name] = source = self._delivered(source, position)
            listed = source.items if isinstance(source, Gather) else getattr(source, "value", None)
            if isinstance(listed, tuple):
                self.count_items(len(listed), node.place_of(name), frame.used)
        for name in [name for name, source in params.items() if isinstance(source, Absent)]:
            reason = params.pop(name)
            if type_.params[name].required:
                return self._absent(path, type_, name, reason)
        values = {}
        for name, param in type_.params.items():
            value = self._param(param, params.get(name), bare, frame, node)
            broken = broken or value is _BROKEN
            values[name] = value
        broken = broken or any(not p.optional and name not in ports for name, p in type_.ports.items())
        if type_.select is not None and not any(value is _BROKEN for value in values.values()):
            # Every side has been read for its problems; only the chosen one goes on.
            chosen = type_.select(values)
            return dict.fromkeys(type_.outputs, sources.get(chosen, Absent(f"{path}.{chosen} is not given")))
        if broken:
            return dict.fromkeys(type_.outputs, UNKNOWN_SOURCE)
        number = len(self.nodes)
        self.nodes.append(ExpandedNode(number, path, type_, position, values, ports, cache, node, frame.used))
        return {output: NodeOutput(number, output) for output in type_.outputs}

    def _absent(self, path: str, type_: NodeType, name: str, source: NodeSource) -> Outputs:
        """The outputs of a node that does not run, since `name` is absent and it cannot do without."""
        self.skipped[path] = f"{name} is absent" + (f": {source.reason}" if isinstance(source, Absent) else "")
        return dict.fromkeys(type_.outputs, Absent(f"{path} does not run"))

    def _param(self, param: Param, source: NodeSource | None, bare: str, frame: Frame, node: ResolvedNode) -> Any:
        if source is None:
            if param.derived_seed:
                return derived_seed(self.seed, bare)
            return _BROKEN if param.required else param.default
        value = _plain(source)
        if value is _BROKEN:
            return _BROKEN
        expr = node.params.get(param.name)
        if isinstance(expr, Const) and not isinstance(value, Picture):
            return coerce(value, param.type) if type(value) in (int, tuple, list) else value
        try:
            return param.accept(value)
        except InvalidValue as error:
            self.refuse(
                Refusal(
                    "bad-value",
                    f"{node.decl.id}.{param.name} cannot be {shown(value)}",
                    str(error),
                    f"it takes {param.allowed()}",
                ),
                node.place_of(param.name),
                frame.used,
            )
            return _BROKEN

    def _skip_reason(self, frame: Frame, node: ResolvedNode) -> str | None:
        if node.when is None:
            return None
        value = _plain(self.evaluate(node.when, frame))
        return "when is false" if value is False else None

    def _skip(self, frame: Frame, node: ResolvedNode, reason: str) -> None:
        path = frame.path + node.decl.id
        self.skipped[path] = reason
        frame.outputs[node.decl.id] = {name: Absent(f"{path}: {reason}") for name in node.outputs or {}}

    def _flag(self, frame: Frame, expr: Expr | None) -> bool:
        return expr is None or _plain(self.evaluate(expr, frame)) is not False

    def _template_inputs(
        self,
        node: ResolvedNode,
        template: Resolved,
        sources: dict[str, NodeSource],
        used: tuple[tuple[Place, str], ...],
    ) -> dict[str, NodeSource]:
        inputs: dict[str, NodeSource] = {}
        for name, decl in template.document.inputs.items():
            source = sources.get(name)
            if source is None or (isinstance(source, Absent) and decl.default is not None):
                # As with an optional port, what is absent counts as not given.
                source = self.default_of(template, name, used)
            else:
                refusal = outside_limits(decl, _plain(source))
                if refusal is not None:
                    self.refuse(refusal, node.place_of(name), used[1:])
                    source = UNKNOWN_SOURCE
            inputs[name] = source
        return inputs

    def default_of(self, resolved: Resolved, name: str, used: tuple[tuple[Place, str], ...] = ()) -> NodeSource:
        """The default of an input as a source; `Unknown` (told elsewhere) where it has none or it is wrong."""
        known = self._defaults.get((id(resolved), name))
        if known is None:
            problems: list[Problem] = []
            value = default_value(resolved.document.inputs[name], resolved.document, self.literals, problems)
            known = self._defaults[id(resolved), name] = value, problems
        value, problems = known
        for problem in problems:
            self.tell(problem, used)
        return UNKNOWN_SOURCE if value is None else Value(value)

    def outputs_of(self, frame: Frame) -> Outputs:
        """What the outputs of a frame that is worked off show."""
        return {name: self.evaluate(expr, frame) for name, expr in (frame.resolved.outputs or {}).items()}

    def _delivered(self, source: NodeSource, position: tuple[float, ...]) -> NodeSource:
        """The source with every picture file replaced by a node that reads it."""
        if isinstance(source, Value):
            if isinstance(source.value, Picture):
                return self._picture(source.value, position)
            if isinstance(source.value, tuple) and any(isinstance(one, Picture) for one in source.value):
                return Gather(tuple(self._delivered(Value(one), position) for one in source.value))
        elif isinstance(source, Gather):
            return Gather(tuple(self._delivered(item, position) for item in source.items))
        return source

    def _picture(self, picture: Picture, position: tuple[float, ...]) -> NodeOutput:
        key = (str(picture.file.path), picture.word)
        known = self._pictures.get(key)
        if known is None:
            type_ = picture_type(picture.word)
            number = len(self.nodes)
            # Directly before its first reader, so that no picture waits in memory for its turn.
            place = (*position[:-1], position[-1] - 0.5)
            path = f"{picture.word}:{picture.file.path.name}"
            self._named[path] += 1
            path += f"#{self._named[path]}" if self._named[path] > 1 else ""
            self.nodes.append(ExpandedNode(number, path, type_, place, {"path": picture.file}, {}, True, None))
            known = self._pictures[key] = NodeOutput(number, next(iter(type_.outputs)))
        return known

    def deliver_outputs(self, outputs: Outputs) -> Outputs:
        """Graph outputs with picture files replaced by nodes that read them."""
        return {name: self._delivered(source, (float("inf"),)) for name, source in outputs.items()}


class _Broken:
    """A param whose value could not be had; why is told already."""


_BROKEN = _Broken()


def derived_seed(seed: int, path: str) -> int:
    """The seed of a stage that gives none: the first 4 bytes of sha256("RUNSEED/PATH"), PATH without item index."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{path}".encode()).digest()[:4], "big")


def _plain(source: NodeSource) -> Any:
    if isinstance(source, Value):
        return source.value
    if isinstance(source, Gather):
        # What is absent is dropped from a list, as it is where a list port takes it.
        values = [_plain(item) for item in source.items if not isinstance(item, Absent)]
        return _BROKEN if any(value is _BROKEN for value in values) else tuple(values)
    return _BROKEN


def _without_absent(source: NodeSource) -> NodeSource:
    if isinstance(source, Absent):
        return Gather(())
    if isinstance(source, Gather):
        return Gather(tuple(item for item in source.items if not isinstance(item, Absent)))
    return source


def _is_broken(source: NodeSource) -> bool:
    if isinstance(source, Gather):
        return any(_is_broken(item) for item in source.items)
    return isinstance(source, Unknown)
