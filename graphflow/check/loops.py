"""for_each: what each item of a node sets, and how it is called."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from graphflow.check.checked import ExpandedNode
from graphflow.check.evaluate import Evaluator, Frame
from graphflow.check.expressions import Expr
from graphflow.check.literals import Picture
from graphflow.check.resolved import ResolvedNode
from graphflow.check.sources import Absent, NodeOutput, NodeSource, Unknown
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import write_scalar
from graphflow.limits import ITEMS
from graphflow.values.sources import Gather, Value


@dataclass
class Loops(Evaluator):
    """Unrolls the `for_each` of nodes; labels name nodes that are expanded already."""

    nodes: list[ExpandedNode] = field(default_factory=list)

    def items(self, frame: Frame, node: ResolvedNode) -> list[tuple[dict[str, NodeSource], str]] | None:
        """What each item sets, and its label, last factor fastest; None where a problem hides how many there are."""
        factors, broken = [], not node.for_each
        for factor in node.for_each:
            columns = {name: self._column(expr, name, frame, node) for name, expr in factor.items()}
            lengths = {len(column) for column in columns.values() if column is not None}
            if len(lengths) > 1:
                why = ", ".join(f"{name} has {len(column)}" for name, column in columns.items() if column is not None)
                place = next(iter(factor.values())).place
                self.refuse(
                    Refusal(
                        "for-each-length",
                        f"the lists of {node.decl.id}.for_each have different lengths",
                        why,
                        "give lists of one length, or a list of maps for their product",
                    ),
                    place,
                    frame.used,
                )
            known = {name: column for name, column in columns.items() if column is not None}
            if len(lengths) != 1 or len(known) < len(columns):
                broken = True
                continue
            (count,) = lengths
            factors.append([{name: column[number] for name, column in known.items()} for number in range(count)])
        if broken:
            return None
        place = next(iter(node.for_each[0].values())).place
        count = math.prod(map(len, factors))
        if count > ITEMS:
            message = f"{node.decl.id}.for_each has {count:,} items, more than {ITEMS:,}"
            why = f"it is the product {' × '.join(str(len(one)) for one in factors)}" if len(factors) > 1 else ""
            self.refuse(Refusal("over-limit", message, why, "make its lists shorter"), place, frame.used)
            return None
        items = []
        for combination in itertools.product(*factors):
            merged: dict[str, NodeSource] = {}
            for part in combination:
                merged |= part
            label = ", ".join(f"{name} {self._label(source)}" for name, source in merged.items())
            self.count_characters(len(label), place, frame.used)
            items.append((merged, label))
        return items

    def _column(self, expr: Expr, name: str, frame: Frame, node: ResolvedNode) -> tuple[NodeSource, ...] | None:
        source = self.evaluate(expr, frame)
        if isinstance(source, Gather):
            return source.items
        if isinstance(source, Value) and isinstance(source.value, tuple):
            return tuple(Value(value) for value in source.value)
        if isinstance(source, Absent):
            return ()
        if not isinstance(source, Unknown):
            self.refuse(
                Refusal(
                    "for-each-unknown",
                    f"the length of {node.decl.id}.for_each.{name} is not known before the run",
                    "a node decides it while it runs",
                    "use a list that is written out, an input, or the output of a node with for_each",
                ),
                expr.place,
                frame.used,
            )
        return None

    def _label(self, source: NodeSource) -> str:
        if isinstance(source, NodeOutput):
            node = self.nodes[source.node]
            return node.path
        if isinstance(source, Value):
            value = source.value
            if isinstance(value, Picture):
                return value.file.path.stem
            if isinstance(value, (str, bool, int, float)):
                return write_scalar(value)
            return str(
                getattr(value, "name", None) or getattr(getattr(value, "path", None), "stem", type(value).__name__)
            )
        return "…"
