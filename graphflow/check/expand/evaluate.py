"""Evaluate: from expressions to sources, in one instance of a document whose inputs have values."""

from __future__ import annotations

from graphflow.check.expand.frame import Frame
from graphflow.check.expand.quota import Quota
from graphflow.check.expand.reports import Reports
from graphflow.check.literals import Literals
from graphflow.check.read.expressions import Const, Expr, FromInput, FromNode, Items, Text
from graphflow.check.sources import UNKNOWN_SOURCE, Absent, NodeOutput, NodeSource, Unknown
from graphflow.document.refusal import Refusal, outside_list
from graphflow.document.scalars import write_scalar
from graphflow.document.tree import Scalar
from graphflow.limits import ITEMS, TEXT
from graphflow.problems import Place
from graphflow.values.sources import Format, Gather, ItemOf, Value


class Evaluator:
    """Turns expressions into sources.

    Args:
        literals: reads texts that become files or checkpoints.
        reports: gets problems.
        quota: counts the results.
    """

    def __init__(self, literals: Literals, reports: Reports, quota: Quota) -> None:
        self._literals = literals
        self._reports = reports
        self._quota = quota

    def evaluate(self, expr: Expr, frame: Frame) -> NodeSource:
        """The source that an expression of the frame's document stands for."""
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
            self._reports.refuse(outside_list(shown, index, len(items)), place, frame.used)
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
                self._reports.refuse(refusal, expr.place, frame.used)
                return UNKNOWN_SOURCE
        self._quota.count_read(len(items), expr.place, frame.used)
        return Gather(tuple(items))

    def _text(self, expr: Text, frame: Frame) -> NodeSource:
        parts: list[str | NodeSource] = []
        self._quota.count_read(len(expr.parts), expr.place, frame.used)
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
            self._reports.refuse(Refusal("over-limit", message, "", "make it shorter"), expr.place, frame.used)
            return UNKNOWN_SOURCE
        self._quota.count_characters(length, expr.place, frame.used)
        if any(not isinstance(part, str) for part in parts):
            return Format(tuple(parts))
        text = "".join(map(str, parts))
        try:
            return Value(self._literals.read(Scalar(text), text, expr.target, frame.resolved.document))
        except Refusal as refusal:
            self._reports.refuse(refusal, expr.place, frame.used)
            return UNKNOWN_SOURCE
