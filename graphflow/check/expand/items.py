"""Unrolling `for_each`: the values and the label of each item of a node."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from graphflow.check.checked import ExpandedNode
from graphflow.check.expand.evaluate import Evaluator
from graphflow.check.expand.frame import Frame, Outputs
from graphflow.check.expand.quota import Quota
from graphflow.check.expand.reports import Reports
from graphflow.check.literals import Picture
from graphflow.check.read.expressions import Expr
from graphflow.check.read.resolved import ResolvedNode
from graphflow.check.sources import Absent, NodeOutput, NodeSource, Unknown
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import write_scalar
from graphflow.limits import ITEMS
from graphflow.values.sources import Gather, Value


class Loops:
    """Unrolls the `for_each` of nodes.

    Args:
        evaluator: evaluates the lists.
        nodes: those that are expanded already; labels name them.
        reports: gets problems.
        quota: counts the labels.
    """

    def __init__(self, evaluator: Evaluator, nodes: Sequence[ExpandedNode], reports: Reports, quota: Quota) -> None:
        self._evaluator = evaluator
        self._nodes = nodes
        self._reports = reports
        self._quota = quota

    def items(self, frame: Frame, node: ResolvedNode) -> list[tuple[Outputs, str]] | None:
        """The values and the label of each item, last factor fastest; None if the number of items is not known."""
        # Every factor is read, to report all problems.
        factors = [self._factor(factor, frame, node) for factor in node.for_each]
        known = [factor for factor in factors if factor is not None]
        if not factors or len(known) < len(factors):
            return None
        place = next(iter(node.for_each[0].values())).place
        count = math.prod(map(len, known))
        if count > ITEMS:
            message = f"{node.decl.id}.for_each has {count:,} items, more than {ITEMS:,}"
            why = f"it is the product {' × '.join(str(len(one)) for one in known)}" if len(known) > 1 else ""
            self._reports.refuse(Refusal("over-limit", message, why, "make its lists shorter"), place, frame.used)
            return None
        items = []
        for combination in itertools.product(*known):
            merged: Outputs = {}
            for part in combination:
                merged |= part
            # A template may have an input `seed` beside its `run_seed`, which then keeps its own name.
            shown = {RUN_SEED: "seed"} if "seed" not in merged else {}
            label = ", ".join(f"{shown.get(name, name)} {self._label(source)}" for name, source in merged.items())
            self._quota.count_characters(len(label), place, frame.used)
            items.append((merged, label))
        return items

    def _factor(self, factor: dict[str, Expr], frame: Frame, node: ResolvedNode) -> list[Outputs] | None:
        """The values of each item of one factor; None if the lengths of its lists are unknown or differ."""
        columns = {name: self._column(expr, name, frame, node) for name, expr in factor.items()}
        known = {name: column for name, column in columns.items() if column is not None}
        lengths = {len(column) for column in known.values()}
        if len(lengths) > 1:
            message = f"the lists of {node.decl.id}.for_each have different lengths"
            why = ", ".join(f"{name} has {len(column)}" for name, column in known.items())
            fix = "give lists of the same length, or a list of maps for their product"
            place = next(iter(factor.values())).place
            self._reports.refuse(Refusal("for-each-length", message, why, fix), place, frame.used)
        if len(lengths) != 1 or len(known) < len(columns):
            return None
        (count,) = lengths
        return [{name: column[number] for name, column in known.items()} for number in range(count)]

    def _column(self, expr: Expr, name: str, frame: Frame, node: ResolvedNode) -> tuple[NodeSource, ...] | None:
        source = self._evaluator.evaluate(expr, frame)
        if isinstance(source, Gather):
            return source.items
        if isinstance(source, Value) and isinstance(source.value, tuple):
            return tuple(Value(value) for value in source.value)
        if isinstance(source, Absent):
            return ()
        if not isinstance(source, Unknown):
            message = f"the length of {node.decl.id}.for_each.{name} is not known before the run"
            fix = "use a list that is written out, an input, or the output of a node with for_each"
            refusal = Refusal("for-each-unknown", message, "it depends on a node's result", fix)
            self._reports.refuse(refusal, expr.place, frame.used)
        return None

    def _label(self, source: NodeSource) -> str:
        if isinstance(source, NodeOutput):
            return self._nodes[source.node].path
        if not isinstance(source, Value):
            return "…"
        value = source.value
        if isinstance(value, Picture):
            return value.file.path.stem
        if isinstance(value, (str, bool, int, float)):
            return write_scalar(value)
        return str(getattr(value, "name", None) or getattr(getattr(value, "path", None), "stem", type(value).__name__))
