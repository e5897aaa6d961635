"""Names: the inputs and outputs of nodes to which the references of a document refer."""

from __future__ import annotations

from itertools import chain

from graphflow.catalog.node_type import LABELS
from graphflow.check.read.expressions import Broken, Const, Expr, FromInput, FromNode, references
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.document.model import InputDecl
from graphflow.document.references import tree_references
from graphflow.document.text import Reference, written
from graphflow.document.tree import Tree
from graphflow.problems import Place, did_you_mean, nearest
from graphflow.text_helpers.words import with_article
from graphflow.values.types import ListOf, Type

PARAMS_ARE_KNOWN = "params must be known before the run"


class Names:
    """Looks up references among the inputs of a document and those of its nodes that were read.

    A wrong reference is reported and becomes `Broken`, which fits everything, so one fault is one problem.

    Args:
        resolved: the document; its nodes may grow. Problems go there.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self.meant: set[str] = set()
        """Inputs and nodes that unknown references probably mean."""

    def look_up(self, reference: Reference, place: Place) -> FromInput | FromNode | Broken:
        """The input or output of a reference, with its type; `Broken` (and a problem) if there is none."""
        decl = self._resolved.document.inputs.get(reference.name)
        if decl is not None:
            return self._input(decl, reference, place)
        node = self._resolved.nodes.get(reference.name)
        if node is None:
            return self._unknown(reference, place)
        return self._output_of(node, reference, place)

    def look_up_all(self, tree: Tree | None) -> None:
        """Check the references of a value whose type is not known."""
        for reference, place in tree_references(tree):
            self.look_up(reference, place)

    def require_known(self, expr: Expr, what: str, *, why: str = PARAMS_ARE_KNOWN) -> Expr:
        """The expression, or a problem if it needs a node's output."""
        if isinstance(expr, (Const, FromInput)):
            return expr
        dynamic = next((r for r in references(expr) if isinstance(r, FromNode) and not self._is_label(r)), None)
        if dynamic is None:
            return expr
        message = f"{what} cannot take {written(reference_of(dynamic))}"
        fix = "write a value, or reference an input"
        self._resolved.report("param-needs-value", message, expr.place, why=why, fix=fix)
        return Broken(expr.place)

    def _input(self, decl: InputDecl, reference: Reference, place: Place) -> FromInput | Broken:
        if reference.port is not None:
            fix = f"write ${reference.name}, or ${{{reference.name}}}.{reference.port} where text follows"
            message = f"the input {reference.name} has no outputs"
            self._resolved.report("unknown-output", message, place, fix=fix)
            return Broken(place)
        type_ = self._indexed(decl.type, reference, place) if decl.type is not None else None
        if decl.type is not None and type_ is None:
            return Broken(place)
        return FromInput(reference.name, reference.item, type_, place)

    def _output_of(self, node: ResolvedNode, reference: Reference, place: Place) -> FromNode | Broken:
        if node.outputs is None:
            return FromNode(reference.name, reference.port, reference.item, None, place)
        port = reference.port if reference.port is not None else next(iter(node.outputs))
        if port not in node.outputs:
            why = "only nodes with for_each have the output labels" if port == LABELS else ""
            fix = did_you_mean(port, list(node.outputs), else_="its outputs are")
            message = f"{reference.name} has no output {port}"
            self._resolved.report("unknown-output", message, place, why=why, fix=fix)
            return Broken(place)
        type_ = node.outputs[port]
        if type_ is not None and reference.item is not None:
            type_ = self._indexed(type_, reference, place)
            if type_ is None:
                return Broken(place)
        return FromNode(reference.name, port, reference.item, type_, place)

    def _indexed(self, type_: Type, reference: Reference, place: Place) -> Type | None:
        if reference.item is None:
            return type_
        if isinstance(type_, ListOf):
            return type_.item
        fix = f"use {written(Reference(reference.name, reference.port))}"
        message = f"{written(reference)} takes an item, but {with_article(str(type_))} is not a list"
        self._resolved.report("bad-index", message, place, fix=fix)
        return None

    def _unknown(self, reference: Reference, place: Place) -> Broken:
        document, name = self._resolved.document, reference.name
        if name in document.nodes:
            return Broken(place)
        message = f"${name} names no input and no node"
        if name in document.checkpoints:
            self.meant.add(name)
            why = f"{name} is a checkpoint, and checkpoints are named without a dollar"
            self._resolved.report("unknown-name", message, place, why=why, fix=f"write {name}")
            return Broken(place)
        close = nearest(name, chain(document.inputs, document.nodes, self._resolved.nodes))
        if close:
            self.meant.add(close)
        plain = f"declare it under inputs, or write $${name} for a plain dollar"
        self._resolved.report("unknown-name", message, place, fix=f"did you mean ${close}?" if close else plain)
        return Broken(place)

    def _is_label(self, expr: FromNode) -> bool:
        """Whether it reads the labels of a `for_each` (and not an output of a template with the same name)."""
        return expr.port == LABELS and self._resolved.nodes[expr.node].decl.for_each is not None


def reference_of(expr: FromInput | FromNode) -> Reference:
    """The reference that an expression was read from."""
    return Reference(expr.name if isinstance(expr, FromInput) else expr.node, getattr(expr, "port", None), expr.item)
