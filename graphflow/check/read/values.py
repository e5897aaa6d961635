"""Read values: text, lists and references, as the type that their key takes."""

from __future__ import annotations

from collections.abc import Iterable

from graphflow.check.literals import Literals
from graphflow.check.read.bindings import Bindings
from graphflow.check.read.expressions import Broken, Const, Expr, FromInput, FromNode, Items, Text
from graphflow.check.read.misfits import report_misfit
from graphflow.check.read.names import PARAMS_ARE_KNOWN, Names
from graphflow.check.read.resolved import Resolved
from graphflow.document.references import is_reference
from graphflow.document.refusal import Refusal
from graphflow.document.text import Reference, written
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Place
from graphflow.text_helpers.words import with_article
from graphflow.values.types import PICTURES, STRING, Atom, ListOf, Type, Union, Variable, item_of, member_for

_TEXT_TARGETS = ("string", "file", "checkpoint", *PICTURES)
_IN_TEXT = ("string", "int", "float")


class ValueReader:
    """Reads values of one document.

    A wrong literal is reported and becomes `Broken`, like a wrong reference, so one fault is one problem.

    Args:
        resolved: the document; problems go there.
        names: looks up its references.
        literals: reads literal values.
    """

    def __init__(self, resolved: Resolved, names: Names, literals: Literals) -> None:
        self._resolved = resolved
        self._names = names
        self._literals = literals

    def read(self, tree: Tree, target: Type, what: str, bound: Bindings | None = None) -> Expr:
        """Read a value for a key that takes `target`; problems name the key as `what`."""
        bound = bound if bound is not None else Bindings()
        if isinstance(tree, Scalar):
            return self._scalar(tree, target, what, bound)
        if isinstance(tree, Sequence):
            return self._list(tree, target, what, bound)
        fix = "write one value" + (" or a list" if isinstance(target, ListOf) else "")
        message = f"{what} must be {with_article(str(target))}, not a map"
        self._resolved.report("wrong-shape", message, tree.place, fix=fix)
        self._names.look_up_all(tree)
        return Broken(tree.place)

    def _scalar(self, scalar: Scalar, target: Type, what: str, bound: Bindings) -> Expr:
        if scalar.empty:
            return Broken(scalar.place)
        text = scalar.text
        if "$" in text:
            parts = scalar.parts
            if len(parts) == 1 and isinstance(parts[0], Reference):
                return self._reference(parts[0], scalar.place, target, what, bound)
            if any(isinstance(part, Reference) for part in parts):
                return self._text(scalar, parts, target, what)
            text = "".join(map(str, parts))
        return self.literal(scalar, text, bound.substituted(target) or target, what)

    def read_known(self, tree: Tree, type_: Type, what: str, *, why: str = PARAMS_ARE_KNOWN) -> Expr:
        """Read a value that must be known before the run; a node's output is refused, whatever its type."""
        if isinstance(tree, Sequence):
            broken = [item for item in tree.items if self._is_refused(item, what, why)]
            rest = Sequence(tuple(item for item in tree.items if item not in broken), tree.place)
            read = self._names.require_known(self.read(rest, type_, what), what, why=why)
            return Broken(tree.place) if broken else read
        if self._is_refused(tree, what, why):
            return Broken(tree.place)
        return self._names.require_known(self.read(tree, type_, what), what, why=why)

    def literal(self, scalar: Scalar, text: str, target: Type, what: str) -> Expr:
        """Read a literal with this text."""
        try:
            value = self._literals.read(scalar, text, target, self._resolved.document)
        except Refusal as refusal:
            self._resolved.problems.extend(refusal.problems(scalar.place, about=what))
            return Broken(scalar.place)
        return Const(value, target, scalar.place)

    def _is_refused(self, tree: Tree, what: str, why: str) -> bool:
        """Whether a reference is unknown, or a node's output; a problem says so."""
        if not is_reference(tree):
            return False
        (reference,) = tree.parts
        expr = self._names.look_up(reference, tree.place)  # type: ignore[arg-type]
        return isinstance(self._names.require_known(expr, what, why=why), Broken)

    def _list(self, tree: Sequence, target: Type, what: str, bound: Bindings) -> Expr:
        listed = next((m for m in getattr(target, "members", ()) if isinstance(m, ListOf)), target)
        if isinstance(target, Variable) and not target.options:
            listed = ListOf(target)
        if not isinstance(listed, ListOf):
            message = f"{what} must be one {target}, not a list"
            self._resolved.report("list-to-single", message, tree.place, fix="write one value, or use for_each")
            self._names.look_up_all(tree)
            return Broken(tree.place)
        items = tuple(self._item(item, listed.item, what, bound) for item in tree.items)
        item = bound.substituted(listed.item) or listed.item
        return Items(items, ListOf(item) if isinstance(item, (Atom, Union, Variable)) else listed, tree.place)

    def _item(self, tree: Tree, item: Type, what: str, bound: Bindings) -> Expr:
        if isinstance(tree, Sequence):
            message = f"{what} contains a list inside a list"
            self._resolved.report("nested-list", message, tree.place, fix="write one flat list")
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
            expr = self._names.look_up(part, tree.place)
            broken = self._breaks_text(expr, part, what) or broken
            read.append(expr)  # type: ignore[arg-type]
        if word is None and not broken:
            message, fix = (
                f"{what} must be {with_article(str(target))}, not text",
                "write the reference alone, without text around it",
            )
            self._resolved.report("type-mismatch", message, tree.place, fix=fix)
        return Broken(tree.place) if broken or word is None else Text(tuple(read), word, tree.place)

    def _breaks_text(self, expr: FromInput | FromNode | Broken, reference: Reference, what: str) -> bool:
        """Whether text cannot contain a reference; a problem says so."""
        if isinstance(expr, Broken) or expr.type is None:
            return True
        if member_for(expr.type, _IN_TEXT) is not None and isinstance(expr.type, Atom):
            return False
        self._resolved.report(
            "type-mismatch",
            f"the text of {what} cannot contain {written(reference)}",
            expr.place,
            why=f"it is {expr.type}; text can contain strings and numbers",
            fix="reference a string, an int or a float",
        )
        return True

    def _reference(self, reference: Reference, place: Place, target: Type, what: str, bound: Bindings) -> Expr:
        expr = self._names.look_up(reference, place)
        if isinstance(expr, Broken) or expr.type is None or bound.fit(expr.type, target):
            return expr
        report_misfit(self._resolved, expr, reference, target, what, bound)
        return Broken(place)
