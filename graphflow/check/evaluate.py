"""Evaluate: what an expression stands for in one instance of a document, whose inputs have values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphflow.check.checked import (
    UNKNOWN_SOURCE,
    Absent,
    Format,
    Gather,
    ItemOf,
    OutputOf,
    Source,
    Unknown,
    Value,
)
from graphflow.check.expressions import Const, Expr, FromInput, FromNode, Items, Text
from graphflow.check.literals import Literals
from graphflow.check.refusal import Refusal, outside_list
from graphflow.check.resolved import Resolved
from graphflow.document.scalars import write_scalar
from graphflow.document.tree import Scalar
from graphflow.problems import Place, Problem

Outputs = dict[str, Source]


@dataclass
class Frame:
    """One instance of a document while its nodes are expanded."""

    resolved: Resolved
    inputs: dict[str, Source]
    path: str
    bare: str
    position: tuple[float, ...]
    used: tuple[tuple[Place, str], ...]
    cache: bool
    work: Iterator[None]
    outputs: dict[str, Outputs] = field(default_factory=dict)
    """Node id → output → source."""


@dataclass
class Evaluator:
    """Turns expressions into sources, and collects problems.

    Args:
        literals: reads defaults of inputs, and texts that become files or checkpoints.
    """

    literals: Literals
    problems: list[Problem] = field(default_factory=list)

    def evaluate(self, expr: Expr, frame: Frame) -> Source:
        """What an expression of the frame's document stands for."""
        if isinstance(expr, Const):
            return Value(expr.value)
        if isinstance(expr, FromInput):
            return self._at(frame.inputs.get(expr.name, UNKNOWN_SOURCE), expr.item, expr.place, frame, f"${expr.name}")
        if isinstance(expr, FromNode):
            return self._node_output(expr, frame)
        if isinstance(expr, Items):
            return Gather(tuple(self._spliced(expr, frame)))
        if isinstance(expr, Text):
            return self._text(expr, frame)
        return UNKNOWN_SOURCE

    def _node_output(self, expr: FromNode, frame: Frame) -> Source:
        outputs = frame.outputs.get(expr.node)
        if not outputs:
            return UNKNOWN_SOURCE
        port = expr.port if expr.port is not None else next(iter(outputs))
        source = outputs.get(port, UNKNOWN_SOURCE)
        return self._at(source, expr.item, expr.place, frame, f"${expr.node}.{port}")

    def _at(self, source: Source, index: int | None, place: Place, frame: Frame, shown: str) -> Source:
        if index is None:
            return source
        if isinstance(source, OutputOf):
            return ItemOf(source, index)
        items = source.items if isinstance(source, Gather) else ()
        if isinstance(source, Value) and isinstance(source.value, tuple):
            items = tuple(Value(value) for value in source.value)
        if isinstance(source, (Absent, Unknown)):
            return source
        if index >= len(items):
            self.refuse(outside_list(shown, index, len(items)), place, frame.used)
            return UNKNOWN_SOURCE
        return items[index]

    def _spliced(self, expr: Items, frame: Frame) -> Iterator[Source]:
        for item in expr.items:
            source = self.evaluate(item, frame)
            if isinstance(source, Gather):
                yield from source.items
            elif isinstance(source, Value) and isinstance(source.value, tuple):
                yield from (Value(value) for value in source.value)
            else:
                yield source

    def _text(self, expr: Text, frame: Frame) -> Source:
        parts: list[str | Source] = []
        for part in expr.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            source = self.evaluate(part, frame)
            if isinstance(source, (Absent, Unknown)):
                return source
            parts.append(write_scalar(source.value) if isinstance(source, Value) else source)
        if any(not isinstance(part, str) for part in parts):
            return Format(tuple(parts))
        text = "".join(map(str, parts))
        try:
            return Value(self.literals.read(Scalar(text), text, expr.target, frame.resolved.document))
        except Refusal as refusal:
            self.refuse(refusal, expr.place, frame.used)
            return UNKNOWN_SOURCE

    def refuse(self, refusal: Refusal, place: Place, used: tuple[tuple[Place, str], ...]) -> None:
        for problem in refusal.problems(place):
            self.tell(problem, used)

    def tell(self, problem: Problem, used: tuple[tuple[Place, str], ...]) -> None:
        self.problems.append(
            Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *used))
        )
