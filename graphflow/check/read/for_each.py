"""Read `for_each`: maps of lists, whose product gives the items of a node and the values that each sets."""

from __future__ import annotations

from graphflow.catalog.node_type import LABELS
from graphflow.check.read.bindings import Bindings
from graphflow.check.read.expressions import Broken, Expr, FromInput, FromNode
from graphflow.check.read.names import Names, reference_of
from graphflow.check.read.node_keys import Keys
from graphflow.check.read.resolved import Resolved
from graphflow.check.read.values import ValueReader
from graphflow.document.model import NodeDecl
from graphflow.document.references import is_reference
from graphflow.document.text import written
from graphflow.document.tree import Entry, Mapping, Scalar, Sequence, Tree, word_of
from graphflow.problems import Place
from graphflow.values.types import PICTURES, STRING, ListOf, Type, list_of, member_for

_EMPTY = (Mapping({}), Sequence(()))


class ForEachReader:
    """Reads the `for_each` of nodes of one document.

    Args:
        resolved: the document; problems go there.
        names: looks up its references.
        values: reads the lists.
        keys: reports unknown keys.
    """

    def __init__(self, resolved: Resolved, names: Names, values: ValueReader, keys: Keys) -> None:
        self._resolved = resolved
        self._names = names
        self._values = values
        self._keys = keys

    def factors(self, decl: NodeDecl, known: tuple[str, ...]) -> list[dict[str, Tree]]:
        """The maps of a node's `for_each` without wrong keys, which are reported.

        Args:
            decl: the node.
            known: the keys that its type or template has.
        """
        if decl.for_each is None:
            return []
        tree = decl.for_each
        factors: list[dict[str, Tree]] = []
        taken: set[str] = set()
        for part in tree.items if isinstance(tree, Sequence) and tree.items else [tree]:
            if not isinstance(part, Mapping) or not part.entries:
                self._report_shape(decl, part)
                continue
            factor = {}
            for key, entry in part.entries.items():
                if key not in known:
                    self._keys.unknown_in_for_each(decl, key, known, entry)
                elif key in decl.values or key in decl.options or key in taken:
                    self._report_twice(decl, key, entry)
                else:
                    taken.add(key)
                    factor[key] = entry.value
            factors.append(factor)
        return factors

    def read_list(
        self, tree: Tree, type_: Type | None, what: str, *, known: bool = False, bound: Bindings | None = None
    ) -> Expr:
        """Read the list of values that the items set.

        Args:
            tree: as it is written.
            type_: of one item; None if it is not known.
            what: the key, for messages.
            known: whether it must be known before the run.
            bound: the types of the variables of the node's ports.
        """
        if type_ is None:
            self._names.look_up_all(tree)
            return Broken(tree.place)
        listed = list_of(type_)
        if listed is None:
            why = f"it takes {type_}, but there are no lists of lists"
            fix = "give the whole list to the node without for_each"
            self._resolved.report("nested-list", f"for_each cannot set {what}", tree.place, why=why, fix=fix)
            return Broken(tree.place)
        words = member_for(type_, (*PICTURES, "file"))
        if isinstance(tree, Scalar) and not is_reference(tree) and words is None and not tree.empty:
            return self._no_list(what, "text", tree.place, f"write [{tree.text}]")
        if isinstance(tree, Mapping):
            broken = self._no_list(what, "a map", tree.place, "write [VALUE, VALUE]")
            self._names.look_up_all(tree)
            return broken
        if known:
            expr = self._values.read_known(tree, listed, what)
        else:
            expr = self._values.read(tree, listed, what, bound)
        if isinstance(expr, (FromInput, FromNode)) and expr.type is not None and not isinstance(expr.type, ListOf):
            return self._no_list(what, str(expr.type), tree.place, f"write [{written(reference_of(expr))}]")
        return expr

    def listed(self, decl: NodeDecl, outputs: dict[str, Type | None]) -> dict[str, Type | None]:
        """The types of a node's outputs: with `for_each`, lists of the types of one item's outputs."""
        if decl.for_each is None:
            return outputs
        listed: dict[str, Type | None] = {}
        for name, type_ in outputs.items():
            listed[name] = list_of(type_) if type_ is not None else None
            if type_ is not None and listed[name] is None:
                listed[name] = type_
                message, why = f"{decl.id}.{name} would be a list of lists", f"each item gives {type_}"
                fix = "remove for_each, or use a node that gives one value"
                self._resolved.report("nested-list", message, decl.place, why=why, fix=fix)
        return {**listed, LABELS: ListOf(STRING)}

    def _no_list(self, what: str, held: str, place: Place, fix: str) -> Broken:
        message = f"for_each of {what} must be a list, not {held}"
        self._resolved.report("for-each-shape", message, place, fix=fix)
        return Broken(place)

    def _report_shape(self, decl: NodeDecl, part: Tree) -> None:
        held = word_of(part).replace("a ", "an empty " if part in _EMPTY else "a ")
        message = f"for_each of {decl.id} must be a map of lists, not {held}"
        fix = "write for_each: {NAME: [VALUE, VALUE]}, or a list of such maps for their product"
        self._resolved.report("for-each-shape", message, part.place, fix=fix)

    def _report_twice(self, decl: NodeDecl, key: str, entry: Entry) -> None:
        given = key in decl.values or key in decl.options
        why = "for_each sets it too" if given else "two maps of for_each set it"
        message, fix = f"{decl.id}.{key} is given twice", "remove one of the two"
        self._resolved.report("for-each-shape", message, entry.place, why=why, fix=fix)
