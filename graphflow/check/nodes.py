"""Read nodes: the keys of one node after the other, by its node type or template."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import LABELS, NodeType, Param, Port
from graphflow.check.bindings import Bindings
from graphflow.check.expressions import Broken, Const, Expr, FromInput, FromNode, Items
from graphflow.check.literals import Literals
from graphflow.check.read import PARAMS_ARE_KNOWN, ValueReader, reference_of
from graphflow.check.resolved import Resolved, ResolvedNode
from graphflow.document.aliases import choices_meant, did_you_mean_one_of, key_meant, types_meant
from graphflow.document.model import Document, InputDecl, NodeDecl
from graphflow.document.references import is_reference
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import shown
from graphflow.document.text import read_text, written
from graphflow.document.tree import Mapping, Scalar, Sequence, Tree, word_of
from graphflow.errors import DefinitionError, InvalidValue
from graphflow.problems import Place, did_you_mean
from graphflow.values.types import BOOL, PICTURES, STRING, ListOf, Type, Variable, item_of, list_of, member_for

TemplateFinder = Callable[[Scalar, Document], Resolved]
"""Gives the resolved template that a scalar names; raises `Refusal` where there is none."""

_EMPTY = (Mapping({}), Sequence(()))


class NodeReader(ValueReader):
    """Reads the nodes of one document; a builder can add them one at a time.

    Args:
        document: where inputs and checkpoints are declared; its nodes may grow.
        catalog: the node types.
        templates: finds templates.
        literals: reads what is written out.
    """

    def __init__(self, document: Document, catalog: Catalog, templates: TemplateFinder, literals: Literals) -> None:
        super().__init__(document, literals)
        self.catalog = catalog
        self.templates = templates
        self._types: dict[str, NodeType | None] = {}
        self._meant: set[tuple[str, str | None]] = set()
        """Node and key that an unknown key is probably a slip of: it is not missing, too."""

    def node(self, decl: NodeDecl) -> ResolvedNode:
        """Read one node whose producers are read; its problems are added to `problems`."""
        node = ResolvedNode(decl)
        self.resolved.nodes[decl.id] = node
        self._insert(node)
        if node.type is None and node.template is None:
            for tree in (*(entry.value for entry in decl.values.values()), decl.for_each):
                self.names_only(tree)
        elif node.type is not None:
            self._typed_keys(node, node.type)
        else:
            self._template_keys(node, node.template)  # type: ignore[arg-type]
        node.when = self._flag(decl.when, f"{decl.id}.when")
        node.cache = self._flag(decl.cache, f"{decl.id}.cache")
        return node

    def _insert(self, node: ResolvedNode) -> None:
        ref = node.decl.ref
        if ref.empty:
            return
        if node.decl.kind == "template":
            try:
                node.template = self.templates(ref, self.document)
            except Refusal as refusal:
                self.problems.append(refusal.at(ref.place))
            return
        node.type = self._type(ref)

    def _type(self, ref: Scalar) -> NodeType | None:
        if ref.text not in self._types:
            if ref.text not in self.catalog:
                close = types_meant(ref.text, list(self.catalog))
                listed = "choose one that `graphflow nodes` lists, or name the package or file that has it by --nodes"
                fix = did_you_mean_one_of(close) if close else listed
                self.say("unknown-type", f"there is no node type {ref.text or '(nothing)'}", ref.place, fix=fix)
                return None
            try:
                self._types[ref.text] = self.catalog[ref.text]
            except DefinitionError as error:
                self.say("unknown-type", f"the node type {ref.text} cannot be used", ref.place, why=str(error))
                return None
        return self._types[ref.text]

    def _typed_keys(self, node: ResolvedNode, type_: NodeType) -> None:
        decl, bound = node.decl, Bindings()
        each = self._for_each_keys(node, [*type_.ports, *type_.params])
        later = []
        for key, entry in decl.values.items():
            if key in type_.params:
                node.params[key] = self._param(entry.value, type_.params[key], decl.id)
            elif key in type_.ports:
                if isinstance(item_of(type_.ports[key].type), Variable) and not is_reference(entry.value):
                    later.append(key)
                else:
                    node.ports[key] = self._port(entry.value, type_.ports[key], decl.id, bound)
            else:
                self._unknown_key(decl, key, [*type_.ports, *type_.params], f"the node type {type_.name}")
        for key in later:
            # A literal has no type of its own, so references decide first what a variable stands for.
            node.ports[key] = self._port(decl.values[key].value, type_.ports[key], decl.id, bound)
        node.for_each = tuple(self._factor(node, factor, type_, bound) for factor in each)
        given = {*decl.values, *(name for factor in each for name in factor)}
        required = [p.name for p in type_.ports.values() if not p.optional]
        required += [p.name for p in type_.params.values() if p.required]
        self._missing(decl, [name for name in required if name not in given], f"the node type {type_.name}")
        if type_.select is not None and not type_.ports.keys() & given:
            sides = " or ".join(type_.ports)
            why = f"the node type {type_.name} has nothing to pass on"
            self.say(
                "missing-value",
                f"{decl.id} needs {sides}",
                decl.place,
                why=why,
                fix=f"add {next(iter(type_.ports))}: …",
            )
        outputs = {name: bound.substituted(output.type) for name, output in type_.outputs.items()}
        node.outputs = self._listed(node, outputs)

    def _template_keys(self, node: ResolvedNode, template: Resolved) -> None:
        decl, inputs = node.decl, template.document.inputs
        each = self._for_each_keys(node, list(inputs))
        for key, entry in decl.values.items():
            if key in inputs:
                node.ports[key] = self._template_input(entry.value, inputs[key], decl, template)
            else:
                self._unknown_key(decl, key, list(inputs), f"the template {decl.ref.text}")
        node.for_each = tuple(
            {
                key: self._each_list(tree, inputs[key].type, f"{decl.id}.{key}", static=key in template.static_inputs)
                for key, tree in factor.items()
                if key in inputs
            }
            for factor in each
        )
        given = {*decl.values, *(name for factor in each for name in factor)}
        required = [name for name, one in inputs.items() if one.default is None and one.type is not None]
        self._missing(decl, [name for name in required if name not in given], f"the template {decl.ref.text}")
        if template.outputs is None:
            fix = "add outputs to the template"
            self.say("template-outputs", f"{decl.ref.text} has no outputs", decl.ref.place, fix=fix)
        outputs = {name: expr.type for name, expr in (template.outputs or {}).items()}
        node.outputs = self._listed(node, outputs) if template.outputs is not None else None

    def _template_input(self, tree: Tree, decl: InputDecl, node: NodeDecl, template: Resolved) -> Expr:
        what = f"{node.id}.{decl.name}"
        if decl.type is None:
            self.names_only(tree)
            return Broken(tree.place)
        if decl.name in template.static_inputs:
            why = f"{node.ref.text} gives it to a param, and params are known before the run"
            return self._static(tree, decl.type, what, why=why)
        return self.read(tree, decl.type, what, None)

    def _listed(self, node: ResolvedNode, outputs: dict[str, Type | None]) -> dict[str, Type | None]:
        if node.decl.for_each is None:
            return outputs
        listed: dict[str, Type | None] = {}
        for name, type_ in outputs.items():
            listed[name] = list_of(type_) if type_ is not None else None
            if type_ is not None and listed[name] is None:
                listed[name] = type_
                fix = "leave for_each out, or use a node that gives one value"
                self.say(
                    "nested-list",
                    f"{node.decl.id}.{name} would be a list of lists",
                    node.decl.place,
                    why=f"each item gives {type_}",
                    fix=fix,
                )
        return {**listed, LABELS: ListOf(STRING)}

    def _unknown_key(self, decl: NodeDecl, key: str, known: list[str], owner: str) -> None:
        close = key_meant(key, known)
        self._meant.add((decl.id, close))
        fix = f"did you mean {close}?" if close else did_you_mean(key, known, else_="its keys are")
        self.say("unknown-key", f"{owner} has no {key}", decl.values[key].place, fix=fix)
        self.names_only(decl.values[key].value)

    def _missing(self, decl: NodeDecl, names: list[str], owner: str) -> None:
        # Where nothing of a for_each can be read, it may have been meant to give them.
        names = [name for name in names if (decl.id, name) not in self._meant]
        if names and (decl.for_each is None or self.resolved.nodes[decl.id].for_each):
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            self.say(
                "missing-value",
                f"{decl.id} needs {listed}",
                decl.place,
                why=f"{owner} cannot do without {'it' if len(names) == 1 else 'them'}",
                fix=f"add {names[0]}: …",
            )

    def _for_each_keys(self, node: ResolvedNode, known: list[str]) -> list[dict[str, Tree]]:
        tree, decl = node.decl.for_each, node.decl
        if tree is None:
            return []
        maps = list(tree.items) if isinstance(tree, Sequence) and tree.items else [tree]
        fix = "write for_each: {NAME: [VALUE, VALUE]}, or a list of such maps for their product"
        factors: list[dict[str, Tree]] = []
        taken: set[str] = set()
        for one in maps:
            if not isinstance(one, Mapping) or not one.entries:
                what = word_of(one).replace("a ", "an empty " if one in _EMPTY else "a ")
                self.say(
                    "for-each-shape",
                    f"for_each of {decl.id} holds {what}, and a map of lists is needed",
                    one.place,
                    fix=fix,
                )
                continue
            factor = {}
            for key, entry in one.entries.items():
                if key not in known:
                    close = key_meant(key, known)
                    self._meant.add((decl.id, close))
                    hint = f"did you mean {close}?" if close else did_you_mean(key, known, else_="it can set")
                    self.say(
                        "unknown-key",
                        f"for_each of {decl.id} sets {key}, which it does not have",
                        entry.place,
                        fix=hint,
                    )
                    self.names_only(entry.value)
                elif key in decl.values or key in taken:
                    self.say(
                        "for-each-shape",
                        f"{decl.id}.{key} is given twice",
                        entry.place,
                        why="for_each sets it, too" if key in decl.values else "two maps of for_each set it",
                        fix="remove one of the two",
                    )
                else:
                    taken.add(key)
                    factor[key] = entry.value
            factors.append(factor)
        return factors

    def _factor(self, node: ResolvedNode, factor: dict[str, Tree], type_: NodeType, bound: Bindings) -> dict[str, Expr]:
        read: dict[str, Expr] = {}
        for key, tree in factor.items():
            what = f"{node.decl.id}.{key}"
            if key in type_.params:
                param = type_.params[key]
                expr = self._each_list(tree, param.type, what, static=True)
                read[key] = self._accepted(expr, param, node.decl.id, each=True)
            else:
                read[key] = self._each_list(tree, type_.ports[key].type, what, bound=bound)
        return read

    def _each_list(
        self, tree: Tree, type_: Type | None, what: str, *, static: bool = False, bound: Bindings | None = None
    ) -> Expr:
        if type_ is None:
            self.names_only(tree)
            return Broken(tree.place)
        listed = list_of(type_)
        if listed is None:
            fix = "give the whole list to the node without for_each"
            self.say(
                "nested-list",
                f"for_each cannot set {what}",
                tree.place,
                why=f"it takes {type_}, and there are no lists of lists",
                fix=fix,
            )
            return Broken(tree.place)
        words = member_for(type_, (*PICTURES, "file"))
        if isinstance(tree, Scalar) and not is_reference(tree) and words is None and not tree.empty:
            fix = f"write [{tree.text}]"
            self.say("for-each-shape", f"for_each of {what} is text, and a list is needed", tree.place, fix=fix)
            return Broken(tree.place)
        if isinstance(tree, Mapping):
            fix = "write [VALUE, VALUE]"
            self.say("for-each-shape", f"for_each of {what} is a map, and a list is needed", tree.place, fix=fix)
            self.names_only(tree)
            return Broken(tree.place)
        expr = self._static(tree, listed, what) if static else self.read(tree, listed, what, bound)
        if isinstance(expr, (FromInput, FromNode)) and expr.type is not None and not isinstance(expr.type, ListOf):
            fix = f"write [{written(reference_of(expr))}]"
            self.say("for-each-shape", f"for_each of {what} is {expr.type}, and a list is needed", tree.place, fix=fix)
            return Broken(tree.place)
        return expr

    def _param(self, tree: Tree, param: Param, owner: str) -> Expr:
        return self._accepted(self._static(tree, param.type, f"{owner}.{param.name}"), param, owner)

    def _accepted(self, expr: Expr, param: Param, owner: str, *, each: bool = False) -> Expr:
        """The expression, its constants checked against the param's choices and limits.

        Args:
            each: the expression lists what the items of a `for_each` get, one after the other.
        """
        if not param.choices and not param.constraints:
            return expr
        for value, place in _constants(expr, whole=not each):
            try:
                param.accept(value)
            except InvalidValue as error:
                message = f"{owner}.{param.name} cannot be {shown(value)}"
                self.say("bad-value", message, place, why=str(error), fix=self._choice_fix(value, param))
                return Broken(expr.place)
        return expr

    def _choice_fix(self, value: object, param: Param) -> str:
        if param.choices:
            close = choices_meant(str(value), list(map(str, param.choices)))
            return did_you_mean_one_of(close) if close else f"write {' or '.join(map(str, param.choices))}"
        return f"it takes {param.allowed()}"

    def _port(self, tree: Tree, port: Port, owner: str, bound: Bindings) -> Expr:
        return self.read(tree, port.type, f"{owner}.{port.name}", bound)

    def _flag(self, tree: Tree | None, what: str) -> Expr | None:
        return None if tree is None else self._static(tree, BOOL, what)

    def _static(self, tree: Tree, type_: Type, what: str, *, why: str = PARAMS_ARE_KNOWN) -> Expr:
        """Read a value that must be known before the run; a node's output is refused first, whatever its type."""
        if isinstance(tree, Sequence):
            broken = [item for item in tree.items if self._is_refused(item, what, why)]
            rest = Sequence(tuple(item for item in tree.items if item not in broken), tree.place)
            read = self.known(self.read(rest, type_, what, None), what, why=why)
            return Broken(tree.place) if broken else read
        if self._is_refused(tree, what, why):
            return Broken(tree.place)
        return self.known(self.read(tree, type_, what, None), what, why=why)

    def _is_refused(self, tree: Tree, what: str, why: str) -> bool:
        """Whether a reference names nothing, or a node's output; a problem says so."""
        if not is_reference(tree):
            return False
        (reference,) = read_text(tree.text)  # type: ignore[union-attr]
        return isinstance(self.known(self.named(reference, tree.place), what, why=why), Broken)  # type: ignore[arg-type]


def _constants(expr: Expr, *, whole: bool) -> Iterator[tuple[object, Place]]:
    """The values that are written out in an expression, as a whole or item by item, each with its place."""
    if isinstance(expr, Const):
        if whole or not isinstance(expr.value, tuple):
            yield expr.value, expr.place
        else:
            yield from ((value, expr.place) for value in expr.value)
    elif isinstance(expr, Items):
        consts = [item for item in expr.items if isinstance(item, Const)]
        if not whole:
            yield from ((const.value, const.place) for const in consts)
        elif len(consts) == len(expr.items):
            yield tuple(const.value for const in consts), expr.place
