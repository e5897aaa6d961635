"""Read values: what text, lists and references mean for a key that takes a certain type."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from graphflow.catalog.node_type import LABELS
from graphflow.check.bindings import Bindings
from graphflow.check.expressions import Broken, Const, Expr, FromInput, FromNode, Items, Text, references
from graphflow.check.literals import Literals
from graphflow.check.resolved import Resolved, ResolvedNode
from graphflow.document.model import Document
from graphflow.document.references import is_reference, tree_references
from graphflow.document.refusal import Refusal
from graphflow.document.text import Reference, read_text, written
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Place, Problem, did_you_mean, nearest
from graphflow.values.types import PICTURES, STRING, Atom, ListOf, Type, Union, Variable, fits, item_of, member_for

_TEXT_TARGETS = ("string", "file", "checkpoint", *PICTURES)
_IN_TEXT = ("string", "int", "float")

PARAMS_ARE_KNOWN = "params are known before the run"


class ValueReader:
    """Reads values of one document, and collects problems.

    A reference or literal whose problem is told becomes `Broken`, which fits everything, so one fault is one
    problem.

    Args:
        document: where inputs and checkpoints are declared; its nodes may grow.
        literals: reads what is written out.
    """

    def __init__(self, document: Document, literals: Literals) -> None:
        self.document = document
        self.literals = literals
        self.resolved = Resolved(document)
        self.meant: set[str] = set()
        """Inputs and nodes that unknown references are probably slips of."""

    @property
    def problems(self) -> list[Problem]:
        """Everything found so far."""
        return self.resolved.problems

    def read(self, tree: Tree, target: Type, what: str, bound: Bindings | None) -> Expr:
        """Read a value for a key that takes `target`; problems name the key as `what`."""
        bound = bound if bound is not None else Bindings()
        if isinstance(tree, Scalar):
            if tree.empty:
                return Broken(tree.place)
            parts = read_text(tree.text)
            if len(parts) == 1 and isinstance(parts[0], Reference):
                return self._reference(parts[0], tree.place, target, what, bound)
            if any(isinstance(part, Reference) for part in parts):
                return self._text(tree, parts, target, what)
            return self.literal(tree, "".join(map(str, parts)), bound.substituted(target) or target, what)
        if isinstance(tree, Sequence):
            return self._list(tree, target, what, bound)
        fix = "write one value" + (" or a list" if isinstance(target, ListOf) else "")
        self.say("wrong-shape", f"{what} is a map, and {target} is needed", tree.place, fix=fix)
        self.names_only(tree)
        return Broken(tree.place)

    def literal(self, scalar: Scalar, text: str, target: Type, what: str) -> Expr:
        try:
            value = self.literals.read(scalar, text, target, self.document)
        except Refusal as refusal:
            self.problems.extend(refusal.problems(scalar.place, about=what))
            return Broken(scalar.place)
        return Const(value, target, scalar.place)

    def _list(self, tree: Sequence, target: Type, what: str, bound: Bindings) -> Expr:
        listed = next((m for m in getattr(target, "members", ()) if isinstance(m, ListOf)), target)
        if isinstance(target, Variable) and not target.options:
            listed = ListOf(target)
        if not isinstance(listed, ListOf):
            self.say(
                "list-to-single",
                f"{what} is a list, and one {target} is needed",
                tree.place,
                fix="write one value, or use for_each",
            )
            self.names_only(tree)
            return Broken(tree.place)
        items = tuple(self._item(item, listed.item, what, bound) for item in tree.items)
        return Items(
            items,
            ListOf(item)
            if isinstance(item := bound.substituted(listed.item) or listed.item, (Atom, Union, Variable))
            else listed,
            tree.place,
        )

    def _item(self, tree: Tree, item: Type, what: str, bound: Bindings) -> Expr:
        if isinstance(tree, Sequence):
            self.say("nested-list", f"{what} holds a list inside a list", tree.place, fix="write one flat list")
            return Broken(tree.place)
        if is_reference(tree):
            # A reference to a list is spliced, so inside a list literal a list fits where its items do.
            return self.read(tree, ListOf(item), what, bound)  # type: ignore[arg-type]
        return self.read(tree, item, what, bound)

    def _text(self, tree: Scalar, parts: Iterable[str | Reference], target: Type, what: str) -> Expr:
        word = member_for(item_of(target), _TEXT_TARGETS) or (STRING if isinstance(target, Variable) else None)
        read: list[str | FromInput | FromNode] = []
        broken = False
        for part in parts:
            if isinstance(part, str):
                read.append(part)
                continue
            expr = self.named(part, tree.place)
            if isinstance(expr, Broken) or expr.type is None:
                broken = True
            elif member_for(expr.type, _IN_TEXT) is None or not isinstance(expr.type, Atom):
                self.say(
                    "type-mismatch",
                    f"the text of {what} cannot hold {written(part)}",
                    tree.place,
                    why=f"it is {expr.type}; text holds strings and numbers",
                    fix="reference a string, an int or a float",
                )
                broken = True
            read.append(expr)  # type: ignore[arg-type]
        if word is None and not broken:
            self.say(
                "type-mismatch",
                f"{what} is text, and {target} is needed",
                tree.place,
                fix="write the reference alone, without text around it",
            )
            broken = True
        return Broken(tree.place) if broken or word is None else Text(tuple(read), word, tree.place)

    def _reference(self, reference: Reference, place: Place, target: Type, what: str, bound: Bindings) -> Expr:
        expr = self.named(reference, place)
        if isinstance(expr, Broken) or expr.type is None:
            return expr
        if bound.fit(expr.type, target):
            return expr
        self._misfit(expr, reference, target, what, place, bound)
        return Broken(place)

    def _misfit(self, expr: Expr, reference: Reference, target: Type, what: str, place: Place, bound: Bindings) -> None:
        shown = written(reference)
        variable = item_of(target)
        if isinstance(variable, Variable) and variable.name in bound.types:
            target = bound.substituted(target) or target
        source: Type = expr.type  # type: ignore[assignment]
        why = f"{shown} is {source}; {what} takes {target}"
        if isinstance(source, ListOf) and fits(source.item, target) and not isinstance(target, ListOf):
            alone = Reference(reference.name, reference.port, 0)
            fix = f"use {written(alone)}, or for_each over {shown}"
            self.say("list-to-single", f"{what} cannot take {shown}", place, why=why, fix=fix)
            return
        latents = {str(item_of(source)), str(item_of(target))} & {"latents"}
        pictures = any(member_for(item_of(one), PICTURES) for one in (source, target))
        fix = self._other_output(expr, reference, target)
        code = "latents-to-picture" if latents and pictures else "type-mismatch"
        if code == "latents-to-picture" and (not fix or isinstance(expr, FromInput)):
            fix = (
                "put a vae_decode between them"
                if str(item_of(source)) == "latents"
                else "put a vae_encode between them"
            )
        fix = fix or f"reference a value of type {target}"
        self.say(code, f"{what} cannot take {shown}", place, why=why, fix=fix)

    def _other_output(self, expr: Expr, reference: Reference, target: Type) -> str:
        if isinstance(expr, FromNode):
            outputs = self.resolved.nodes[expr.node].outputs or {}
            for name, type_ in outputs.items():
                if type_ is not None and fits(type_, target):
                    return f"use {written(Reference(reference.name, name, reference.item))}"
        elif isinstance(target, Atom):
            return f"declare the input {reference.name} with type: {target}"
        return ""

    def named(self, reference: Reference, place: Place) -> FromInput | FromNode | Broken:
        """What a reference names, with its type; `Broken` (and a problem) where it names nothing."""
        decl = self.document.inputs.get(reference.name)
        if decl is not None:
            if reference.port is not None:
                fix = f"write ${reference.name}, or ${{{reference.name}}}.{reference.port} where text follows"
                self.say("unknown-output", f"the input {reference.name} has no outputs", place, fix=fix)
                return Broken(place)
            type_ = self._indexed(decl.type, reference, place) if decl.type is not None else None
            if decl.type is not None and type_ is None:
                return Broken(place)
            return FromInput(reference.name, reference.item, type_, place)
        node = self.resolved.nodes.get(reference.name)
        if node is None:
            return self._unknown_name(reference, place)
        return self._output_of(node, reference, place)

    def _output_of(self, node: ResolvedNode, reference: Reference, place: Place) -> FromNode | Broken:
        if node.outputs is None:
            return FromNode(reference.name, reference.port, reference.item, None, place)
        port = reference.port if reference.port is not None else next(iter(node.outputs))
        if port not in node.outputs:
            known = list(node.outputs)
            why = "labels is there where a node has for_each" if port == LABELS else ""
            fix = did_you_mean(port, known, else_="its outputs are")
            self.say("unknown-output", f"{reference.name} has no output {port}", place, why=why, fix=fix)
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
        self.say("bad-index", f"{written(reference)} takes an item of {type_}, which is no list", place, fix=fix)
        return None

    def _unknown_name(self, reference: Reference, place: Place) -> Broken:
        if reference.name in self.document.nodes:
            return Broken(place)
        if reference.name in self.document.checkpoints:
            self.meant.add(reference.name)
            why = f"{reference.name} is a checkpoint, and checkpoints are named without a dollar"
            self.say(
                "unknown-name",
                f"${reference.name} names no input and no node",
                place,
                why=why,
                fix=f"write {reference.name}",
            )
            return Broken(place)
        close = nearest(reference.name, chain(self.document.inputs, self.document.nodes, self.resolved.nodes))
        if close:
            self.meant.add(close)
        plain = f"declare it under inputs, or write $${reference.name} for a plain dollar"
        fix = f"did you mean ${close}?" if close else plain
        self.say("unknown-name", f"${reference.name} names no input and no node", place, fix=fix)
        return Broken(place)

    def names_only(self, tree: Tree | None) -> None:
        """Check the references of a value whose type is not known."""
        for reference, place in tree_references(tree):
            self.named(reference, place)

    def known(self, expr: Expr, what: str, *, why: str = PARAMS_ARE_KNOWN) -> Expr:
        """The expression, or a problem where it needs a node's output."""
        if isinstance(expr, (Const, FromInput)):
            return expr
        dynamic = next((r for r in references(expr) if isinstance(r, FromNode) and not self._is_label(r)), None)
        if dynamic is None:
            return expr
        self.say(
            "param-needs-value",
            f"{what} cannot take {written(reference_of(dynamic))}",
            expr.place,
            why=why,
            fix="write a value, or reference an input",
        )
        return Broken(expr.place)

    def _is_label(self, expr: FromNode) -> bool:
        """Whether it reads the labels of a `for_each` (and no output of a template that happens to be named so)."""
        return expr.port == LABELS and self.resolved.nodes[expr.node].decl.for_each is not None

    def say(self, code: str, message: str, place: Place, *, why: str = "", fix: str = "") -> None:
        self.problems.append(Problem(code, message, why, fix, place))


def reference_of(expr: FromInput | FromNode) -> Reference:
    """The reference that an expression was read from."""
    return Reference(expr.name if isinstance(expr, FromInput) else expr.node, getattr(expr, "port", None), expr.item)
