"""Evaluate: what an expression stands for in one instance of a document, whose inputs have values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from graphflow.check.expressions import Const, Expr, FromInput, FromNode, Items, Text
from graphflow.check.literals import Literals
from graphflow.check.resolved import Resolved
from graphflow.check.sources import UNKNOWN_SOURCE, Absent, NodeOutput, NodeSource, Unknown
from graphflow.document.refusal import Refusal, outside_list
from graphflow.document.scalars import write_scalar
from graphflow.document.tree import Scalar
from graphflow.limits import ITEMS, ITEMS_READ, TEXT, TEXTS, VALUES_READ
from graphflow.problems import Place, Problem
from graphflow.values.sources import Format, Gather, ItemOf, Value

Outputs = dict[str, NodeSource]


class TooMuch(Exception):
    """A graph stands for more than the limits allow; the problem is told."""


@dataclass
class Frame:
    """One instance of a document while its nodes are expanded."""

    resolved: Resolved
    inputs: dict[str, NodeSource]
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

    It counts what it makes, since a short document can stand for more than any machine holds, and raises
    `TooMuch` where a graph as a whole is over one of the `limits`.

    Args:
        literals: reads defaults of inputs, and texts that become files or checkpoints.
    """

    literals: Literals
    problems: list[Problem] = field(default_factory=list)
    _read: int = 0
    _items_read: int = 0
    _characters: int = 0

    def evaluate(self, expr: Expr, frame: Frame) -> NodeSource:
        """What an expression of the frame's document stands for."""
        if isinstance(expr, Const):
            return Value(expr.value)
        if isinstance(expr, FromInput):
            return self._at(frame.inputs.get(expr.name, UNKNOWN_SOURCE), expr.item, expr.place, frame, f"${expr.name}")
        if isinstance(expr, FromNode):
            return self._node_output(expr, frame)
        if isinstance(expr, Items):
            return self._spliced(expr, frame)
        if isinstance(expr, Text):
            return self._text(expr, frame)
        return UNKNOWN_SOURCE

    def _node_output(self, expr: FromNode, frame: Frame) -> NodeSource:
        outputs = frame.outputs.get(expr.node)
        if not outputs:
            return UNKNOWN_SOURCE
        port = expr.port if expr.port is not None else next(iter(outputs))
        source = outputs.get(port, UNKNOWN_SOURCE)
        return self._at(source, expr.item, expr.place, frame, f"${expr.node}.{port}")

    def _at(self, source: NodeSource, index: int | None, place: Place, frame: Frame, shown: str) -> NodeSource:
        if index is None:
            return source
        if isinstance(source, NodeOutput):
            return ItemOf(source, index)
        items: tuple[NodeSource, ...] = source.items if isinstance(source, Gather) else ()
        if isinstance(source, Value) and isinstance(source.value, tuple):
            items = tuple(Value(value) for value in source.value)
        if isinstance(source, (Absent, Unknown)):
            return source
        if index >= len(items):
            self.refuse(outside_list(shown, index, len(items)), place, frame.used)
            return UNKNOWN_SOURCE
        return items[index]

    def _spliced(self, expr: Items, frame: Frame) -> NodeSource:
        items: list[NodeSource] = []
        for item in expr.items:
            source = self.evaluate(item, frame)
            if isinstance(source, Gather):
                items += source.items
            elif isinstance(source, Value) and isinstance(source.value, tuple):
                items += map(Value, source.value)
            else:
                items.append(source)
            if len(items) > ITEMS:
                refusal = Refusal("over-limit", f"the list has more than {ITEMS:,} items", "", "make it shorter")
                self.refuse(refusal, expr.place, frame.used)
                return UNKNOWN_SOURCE
        self.count_read(len(items), expr.place, frame.used)
        return Gather(tuple(items))

    def _text(self, expr: Text, frame: Frame) -> NodeSource:
        parts: list[str | NodeSource] = []
        self.count_read(len(expr.parts), expr.place, frame.used)
        for part in expr.parts:
            source = part if isinstance(part, str) else self.evaluate(part, frame)
            if isinstance(source, (Absent, Unknown)):
                return source
            if isinstance(source, Format):
                parts += source.parts
            else:
                parts.append(write_scalar(source.value) if isinstance(source, Value) else source)
        length = sum(len(part) if isinstance(part, str) else 1 for part in parts)
        if length > TEXT:
            message = f"the text has more than {TEXT:,} characters once its references are replaced"
            self.refuse(Refusal("over-limit", message, "", "make it shorter"), expr.place, frame.used)
            return UNKNOWN_SOURCE
        self.count_characters(length, expr.place, frame.used)
        if any(not isinstance(part, str) for part in parts):
            return Format(tuple(parts))
        text = "".join(map(str, parts))
        try:
            return Value(self.literals.read(Scalar(text), text, expr.target, frame.resolved.document))
        except Refusal as refusal:
            self.refuse(refusal, expr.place, frame.used)
            return UNKNOWN_SOURCE

    def count_read(self, count: int, place: Place, used: tuple[tuple[Place, str], ...]) -> None:
        """Count values that a node, a template, a text or a list is put together of.

        Raises:
            TooMuch: they are more than `VALUES_READ`.
        """
        self._read += count
        if self._read > VALUES_READ:
            message = f"the nodes of the graph read more than {VALUES_READ:,} values"
            self.stop(Refusal("over-limit", message, "", "make several graphs of it"), place, used)

    def count_items(self, count: int, place: Place, used: tuple[tuple[Place, str], ...]) -> None:
        """Count items of a list that a node reads.

        Raises:
            TooMuch: all nodes together read more than `ITEMS_READ`.
        """
        self._items_read += count
        if self._items_read > ITEMS_READ:
            message = f"the nodes of the graph read more than {ITEMS_READ:,} items of lists"
            why = "an item counts for every node that reads its list"
            self.stop(Refusal("over-limit", message, why, "make lists shorter, or several graphs of it"), place, used)

    def count_characters(self, count: int, place: Place, used: tuple[tuple[Place, str], ...]) -> None:
        """Count characters of texts that are put together.

        Raises:
            TooMuch: they are more than `TEXTS`.
        """
        self._characters += count
        if self._characters > TEXTS:
            message = f"the texts of the graph have more than {TEXTS:,} characters once references are replaced"
            self.stop(Refusal("over-limit", message, "", "make texts shorter, or several graphs of it"), place, used)

    def stop(self, refusal: Refusal, place: Place, used: tuple[tuple[Place, str], ...]) -> NoReturn:
        """Tell the refusal, and leave the expansion."""
        self.refuse(refusal, place, used)
        raise TooMuch

    def refuse(self, refusal: Refusal, place: Place, used: tuple[tuple[Place, str], ...]) -> None:
        for problem in refusal.problems(place):
            self.tell(problem, used)

    def tell(self, problem: Problem, used: tuple[tuple[Place, str], ...]) -> None:
        self.problems.append(
            Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *used))
        )
