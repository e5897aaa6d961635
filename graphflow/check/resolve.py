"""Resolve: what every key of one document means, as it is written; no input has a value yet.

A template is resolved once, however often it is used. A reference or literal whose problem is told becomes
`Broken`, which fits everything, so one fault is one problem.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from graphflow.catalog import Catalog
from graphflow.check.expressions import Broken, Const, Expr, FromInput, FromNode, Items, Text, references
from graphflow.check.literals import Literals
from graphflow.check.refusal import Refusal
from graphflow.document.model import Document, InputDecl, NodeDecl
from graphflow.document.scalars import write_scalar
from graphflow.document.text import Reference, read_text, written
from graphflow.document.tree import Mapping, Scalar, Sequence, Tree, word_of
from graphflow.errors import DefinitionError, InvalidValue
from graphflow.node_type import LABELS, NodeType, Param, Port
from graphflow.problems import Place, Problem, did_you_mean, nearest
from graphflow.types import (
    BOOL,
    PICTURES,
    SCALARS,
    STRING,
    Atom,
    ListOf,
    Type,
    Union,
    Variable,
    fits,
    item_of,
    list_of,
    member_for,
)

_TEXT_TARGETS = ("string", "file", "checkpoint", *PICTURES)
_IN_TEXT = ("string", "int", "float")


@dataclass
class ResolvedNode:
    """A node whose keys are read.

    Attributes:
        type: its node type; None for a template, or where the type is not known.
        template: the inserted document; None for a node type, or where the template is not known.
        params, ports: what is given, by name. The inputs of a template are all in `ports`.
        for_each: factors of the product; each maps names to expressions of list type.
        outputs: type of each output, lists where `for_each` makes them; None where nothing is known of them.
    """

    decl: NodeDecl
    type: NodeType | None = None
    template: Resolved | None = None
    params: dict[str, Expr] = field(default_factory=dict)
    ports: dict[str, Expr] = field(default_factory=dict)
    for_each: tuple[dict[str, Expr], ...] = ()
    when: Expr | None = None
    cache: Expr | None = None
    outputs: dict[str, Type | None] | None = None

    def place_of(self, key: str) -> Place:
        """Where the value of `key` is written, or the node itself where it is not given."""
        entry = self.decl.values.get(key)
        if entry is not None:
            return entry.value.place
        for factor in self.for_each:
            if key in factor:
                return factor[key].place
        return self.decl.place

    def gives(self, key: str) -> bool:
        """Whether a value is written for `key`, in the node or its `for_each`."""
        return key in self.decl.values or any(key in factor for factor in self.for_each)

    def expressions(self) -> Iterator[Expr]:
        """Every expression of the node."""
        yield from self.params.values()
        yield from self.ports.values()
        for factor in self.for_each:
            yield from factor.values()
        yield from (expr for expr in (self.when, self.cache) if expr is not None)


@dataclass
class Resolved:
    """A document whose every key is read.

    Attributes:
        nodes: in the order of the document.
        order: their ids, producers first.
        outputs: by name; None where the document has no `outputs`.
        static_inputs: inputs that some param needs, so they must be known before the run.
        problems: everything found in this document; those of its templates are theirs.
    """

    document: Document
    nodes: dict[str, ResolvedNode] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    outputs: dict[str, Expr] | None = None
    static_inputs: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)


TemplateFinder = Callable[[Scalar, Document], Resolved]
"""Gives the resolved template that a scalar names; raises `Refusal` where there is none."""


class Resolver:
    """Reads the nodes of one document, one after the other; a builder can add them one at a time.

    Args:
        document: where inputs and checkpoints are declared; `nodes` may grow later.
        catalog: the node types.
        templates: finds templates.
        literals: reads what is written out.
    """

    def __init__(self, document: Document, catalog: Catalog, templates: TemplateFinder, literals: Literals) -> None:
        self.document = document
        self.catalog = catalog
        self.templates = templates
        self.literals = literals
        self.resolved = Resolved(document)
        self.problems = self.resolved.problems
        self._types: dict[str, NodeType | None] = {}

    # One node

    def node(self, decl: NodeDecl) -> ResolvedNode:
        """Read one node whose producers are read; its problems are added to `problems`."""
        node = ResolvedNode(decl)
        self.resolved.nodes[decl.id] = node
        self._insert(node)
        if node.type is None and node.template is None:
            for tree in (*(entry.value for entry in decl.values.values()), decl.for_each):
                self._names_only(tree)
        elif node.type is not None:
            self._typed_keys(node, node.type)
        else:
            self._template_keys(node, node.template)  # type: ignore[arg-type]
        node.when = self._static(decl.when, BOOL, f"{decl.id}.when")
        node.cache = self._static(decl.cache, BOOL, f"{decl.id}.cache")
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
                fix = did_you_mean(ref.text, list(self.catalog), else_="`graphflow nodes` lists them")
                self._say("unknown-type", f"there is no node type {ref.text}", ref.place, fix=fix)
                return None
            try:
                self._types[ref.text] = self.catalog[ref.text]
            except DefinitionError as error:
                self._say("unknown-type", f"the node type {ref.text} cannot be used", ref.place, why=str(error))
                return None
        return self._types[ref.text]

    def _typed_keys(self, node: ResolvedNode, type_: NodeType) -> None:
        decl, bound = node.decl, _Bindings()
        each = self._for_each_keys(node, [*type_.ports, *type_.params])
        later = []
        for key, entry in decl.values.items():
            if key in type_.params:
                node.params[key] = self._param(entry.value, type_.params[key], decl.id)
            elif key in type_.ports:
                if isinstance(item_of(type_.ports[key].type), Variable) and not _is_reference(entry.value):
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
        outputs = {name: bound.substituted(output.type) for name, output in type_.outputs.items()}
        node.outputs = self._listed(node, outputs, bool(each))

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
            self._say("template-outputs", f"{decl.ref.text} has no outputs", decl.ref.place, fix=fix)
        outputs = {name: expr.type for name, expr in (template.outputs or {}).items()}
        node.outputs = self._listed(node, outputs, bool(each)) if template.outputs is not None else None

    def _template_input(self, tree: Tree, decl: InputDecl, node: NodeDecl, template: Resolved) -> Expr:
        what = f"{node.id}.{decl.name}"
        if decl.type is None:
            self._names_only(tree)
            return Broken(tree.place)
        expr = self.read(tree, decl.type, what, None)
        if decl.name in template.static_inputs:
            return self._known(
                expr, what, why=f"{node.ref.text} gives it to a param, and params are known before the run"
            )
        return expr

    def _listed(self, node: ResolvedNode, outputs: dict[str, Type | None], each: bool) -> dict[str, Type | None]:
        if not each:
            return outputs
        listed: dict[str, Type | None] = {}
        for name, type_ in outputs.items():
            listed[name] = list_of(type_) if type_ is not None else None
            if type_ is not None and listed[name] is None:
                listed[name] = type_
                fix = "leave for_each out, or use a node that gives one value"
                self._say(
                    "nested-list",
                    f"{node.decl.id}.{name} would be a list of lists",
                    node.decl.place,
                    why=f"each item gives {type_}",
                    fix=fix,
                )
        return {**listed, LABELS: ListOf(STRING)}

    def _unknown_key(self, decl: NodeDecl, key: str, known: list[str], owner: str) -> None:
        fix = did_you_mean(key, known, else_="its keys are")
        self._say("unknown-key", f"{owner} has no {key}", decl.values[key].place, fix=fix)
        self._names_only(decl.values[key].value)

    def _missing(self, decl: NodeDecl, names: list[str], owner: str) -> None:
        if names:
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            self._say(
                "missing-value",
                f"{decl.id} needs {listed}",
                decl.place,
                why=f"{owner} cannot do without",
                fix=f"add {names[0]}: …",
            )

    # for_each

    def _for_each_keys(self, node: ResolvedNode, known: list[str]) -> list[dict[str, Tree]]:
        tree, decl = node.decl.for_each, node.decl
        if tree is None:
            return []
        maps = list(tree.items) if isinstance(tree, Sequence) else [tree]
        fix = "write for_each: {NAME: [VALUE, VALUE]}, or a list of such maps for their product"
        factors: list[dict[str, Tree]] = []
        taken: set[str] = set()
        for one in maps:
            if not isinstance(one, Mapping) or not one.entries:
                what = "an empty map" if isinstance(one, Mapping) else word_of(one)
                self._say(
                    "for-each-shape",
                    f"for_each of {decl.id} holds {what}, and a map of lists is needed",
                    one.place,
                    fix=fix,
                )
                continue
            factor = {}
            for key, entry in one.entries.items():
                if key not in known:
                    hint = did_you_mean(key, known, else_="it can set")
                    self._say(
                        "unknown-key",
                        f"for_each of {decl.id} sets {key}, which it does not have",
                        entry.place,
                        fix=hint,
                    )
                    self._names_only(entry.value)
                elif key in decl.values or key in taken:
                    self._say(
                        "for-each-shape",
                        f"{decl.id}.{key} is given twice",
                        entry.place,
                        why="for_each sets it, too",
                        fix="remove one of the two",
                    )
                else:
                    taken.add(key)
                    factor[key] = entry.value
            factors.append(factor)
        return factors

    def _factor(
        self, node: ResolvedNode, factor: dict[str, Tree], type_: NodeType, bound: _Bindings
    ) -> dict[str, Expr]:
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
        self, tree: Tree, type_: Type | None, what: str, *, static: bool = False, bound: _Bindings | None = None
    ) -> Expr:
        if type_ is None:
            self._names_only(tree)
            return Broken(tree.place)
        listed = list_of(type_)
        if listed is None:
            fix = "give the whole list to the node without for_each"
            self._say(
                "nested-list",
                f"for_each cannot set {what}",
                tree.place,
                why=f"it takes {type_}, and there are no lists of lists",
                fix=fix,
            )
            return Broken(tree.place)
        words = member_for(type_, (*PICTURES, "file"))
        if isinstance(tree, Scalar) and not _is_reference(tree) and words is None and not tree.empty:
            fix = f"write [{tree.text}]"
            self._say("for-each-shape", f"for_each of {what} is text, and a list is needed", tree.place, fix=fix)
            return Broken(tree.place)
        expr = self.read(tree, listed, what, bound)
        if isinstance(expr, (FromInput, FromNode)) and expr.type is not None and not isinstance(expr.type, ListOf):
            fix = f"write [{written(_reference_of(expr))}]"
            self._say("for-each-shape", f"for_each of {what} is {expr.type}, and a list is needed", tree.place, fix=fix)
            return Broken(tree.place)
        return self._known(expr, what) if static else expr

    # Values

    def _param(self, tree: Tree, param: Param, owner: str) -> Expr:
        what = f"{owner}.{param.name}"
        if _is_reference(tree):
            # That a param cannot take it is said first, whatever its type.
            (reference,) = read_text(tree.text)  # type: ignore[union-attr]
            named = self._named(reference, tree.place)  # type: ignore[arg-type]
            if isinstance(named, Broken) or isinstance(named, FromNode) and named.port != LABELS:
                return self._known(named, what)
        return self._accepted(self._known(self.read(tree, param.type, what, None), what), param, owner)

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
                message = f"{owner}.{param.name} cannot be {_shown(value)}"
                self._say("bad-value", message, place, why=str(error), fix=self._choice_fix(value, param))
                return Broken(expr.place)
        return expr

    def _choice_fix(self, value: object, param: Param) -> str:
        if param.choices:
            close = nearest(str(value), list(map(str, param.choices)))
            return f"did you mean {close}?" if close else ""
        return f"it takes {param.allowed()}"

    def _port(self, tree: Tree, port: Port, owner: str, bound: _Bindings) -> Expr:
        return self.read(tree, port.type, f"{owner}.{port.name}", bound)

    def _static(self, tree: Tree | None, type_: Type, what: str) -> Expr | None:
        return None if tree is None else self._known(self.read(tree, type_, what, None), what)

    def _known(self, expr: Expr, what: str, *, why: str = "params are known before the run") -> Expr:
        """The expression, or a problem where it needs a node's output."""
        if isinstance(expr, (Const, FromInput)):
            return expr
        dynamic = next((r for r in references(expr) if isinstance(r, FromNode) and r.port != LABELS), None)
        if dynamic is None:
            return expr
        self._say(
            "param-needs-value",
            f"{what} cannot take {written(_reference_of(dynamic))}",
            expr.place,
            why=why,
            fix="write a value, or reference an input",
        )
        return Broken(expr.place)

    def read(self, tree: Tree, target: Type, what: str, bound: _Bindings | None) -> Expr:
        """Read a value for a key that takes `target`; problems name the key as `what`."""
        bound = bound if bound is not None else _Bindings()
        if isinstance(tree, Scalar):
            if tree.empty:
                return Broken(tree.place)
            parts = read_text(tree.text)
            if len(parts) == 1 and isinstance(parts[0], Reference):
                return self._reference(parts[0], tree.place, target, what, bound)
            if any(isinstance(part, Reference) for part in parts):
                return self._text(tree, parts, target, what)
            return self._literal(tree, "".join(map(str, parts)), bound.substituted(target) or target, what)
        if isinstance(tree, Sequence):
            return self._list(tree, target, what, bound)
        fix = "write one value" + (" or a list" if isinstance(target, ListOf) else "")
        self._say("wrong-shape", f"{what} is a map, and {target} is needed", tree.place, fix=fix)
        self._names_only(tree)
        return Broken(tree.place)

    def _literal(self, scalar: Scalar, text: str, target: Type, what: str) -> Expr:
        try:
            value = self.literals.read(scalar, text, target, self.document)
        except Refusal as refusal:
            self.problems.append(refusal.at(scalar.place, about=what))
            return Broken(scalar.place)
        return Const(value, target, scalar.place)

    def _list(self, tree: Sequence, target: Type, what: str, bound: _Bindings) -> Expr:
        listed = next((m for m in getattr(target, "members", ()) if isinstance(m, ListOf)), target)
        if isinstance(target, Variable) and not target.options:
            listed = ListOf(target)
        if not isinstance(listed, ListOf):
            self._say(
                "list-to-single",
                f"{what} is a list, and one {target} is needed",
                tree.place,
                fix="write one value, or use for_each",
            )
            self._names_only(tree)
            return Broken(tree.place)
        items = tuple(self._item(item, listed.item, what, bound) for item in tree.items)
        return Items(
            items,
            ListOf(item)
            if isinstance(item := bound.substituted(listed.item) or listed.item, (Atom, Union, Variable))
            else listed,
            tree.place,
        )

    def _item(self, tree: Tree, item: Type, what: str, bound: _Bindings) -> Expr:
        if isinstance(tree, Sequence):
            self._say("nested-list", f"{what} holds a list inside a list", tree.place, fix="write one flat list")
            return Broken(tree.place)
        if _is_reference(tree):
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
            expr = self._named(part, tree.place)
            if isinstance(expr, Broken) or expr.type is None:
                broken = True
            elif member_for(expr.type, _IN_TEXT) is None or not isinstance(expr.type, Atom):
                self._say(
                    "type-mismatch",
                    f"the text of {what} cannot hold {written(part)}",
                    tree.place,
                    why=f"it is {expr.type}; text holds strings and numbers",
                    fix="reference a string, an int or a float",
                )
                broken = True
            read.append(expr)  # type: ignore[arg-type]
        if word is None and not broken:
            self._say(
                "type-mismatch",
                f"{what} is text, and {target} is needed",
                tree.place,
                fix="write the reference alone, without text around it",
            )
            broken = True
        return Broken(tree.place) if broken or word is None else Text(tuple(read), word, tree.place)

    # References

    def _reference(self, reference: Reference, place: Place, target: Type, what: str, bound: _Bindings) -> Expr:
        expr = self._named(reference, place)
        if isinstance(expr, Broken) or expr.type is None:
            return expr
        if bound.fit(expr.type, target):
            return expr
        self._misfit(expr, reference, target, what, place)
        return Broken(place)

    def _misfit(self, expr: Expr, reference: Reference, target: Type, what: str, place: Place) -> None:
        shown = written(reference)
        source: Type = expr.type  # type: ignore[assignment]
        why = f"{shown} is {source}; {what} takes {target}"
        if isinstance(source, ListOf) and fits(source.item, target) and not isinstance(target, ListOf):
            alone = Reference(reference.name, reference.port, 0)
            fix = f"use {written(alone)}, or for_each over {shown}"
            self._say("list-to-single", f"{what} cannot take {shown}", place, why=why, fix=fix)
            return
        latents = {str(item_of(source)), str(item_of(target))} & {"latents"}
        pictures = any(member_for(item_of(one), PICTURES) for one in (source, target))
        fix = self._other_output(expr, reference, target)
        code = "latents-to-picture" if latents and pictures else "type-mismatch"
        if code == "latents-to-picture" and not fix:
            fix = (
                "put a vae_decode between them"
                if str(item_of(source)) == "latents"
                else "put a vae_encode between them"
            )
        self._say(code, f"{what} cannot take {shown}", place, why=why, fix=fix)

    def _other_output(self, expr: Expr, reference: Reference, target: Type) -> str:
        if isinstance(expr, FromNode):
            outputs = self.resolved.nodes[expr.node].outputs or {}
            for name, type_ in outputs.items():
                if type_ is not None and fits(type_, target):
                    return f"use {written(Reference(reference.name, name, reference.item))}"
        elif isinstance(target, Atom):
            return f"declare the input {reference.name} with type: {target}"
        return ""

    def _named(self, reference: Reference, place: Place) -> FromInput | FromNode | Broken:
        """What a reference names, with its type; `Broken` (and a problem) where it names nothing."""
        decl = self.document.inputs.get(reference.name)
        if decl is not None:
            if reference.port is not None:
                fix = f"write ${{{reference.name}}} where a full stop and text follow"
                self._say("unknown-output", f"the input {reference.name} has no outputs", place, fix=fix)
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
            self._say("unknown-output", f"{reference.name} has no output {port}", place, why=why, fix=fix)
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
        self._say("bad-index", f"{written(reference)} takes an item of {type_}, which is no list", place, fix=fix)
        return None

    def _unknown_name(self, reference: Reference, place: Place) -> Broken:
        known = [*self.document.inputs, *self.document.nodes, *self.resolved.nodes]
        if reference.name in self.document.nodes:
            return Broken(place)
        close = nearest(reference.name, known)
        fix = f"did you mean ${close}?" if close else f"write $${reference.name} for a plain dollar" if known else ""
        self._say("unknown-name", f"${reference.name} names no input and no node", place, fix=fix)
        return Broken(place)

    def _names_only(self, tree: Tree | None) -> None:
        """Check the references of a value whose type is not known."""
        for reference, place in tree_references(tree):
            self._named(reference, place)

    def _say(self, code: str, message: str, place: Place, *, why: str = "", fix: str = "") -> None:
        self.problems.append(Problem(code, message, why, fix, place))


class _Bindings:
    """What the variables of one node's ports stand for, as references decide it."""

    def __init__(self) -> None:
        self.types: dict[str, Type] = {}

    def fit(self, source: Type, target: Type) -> bool:
        """Whether `source` fits, with a variable inside `target` bound on the way."""
        variable = item_of(target)
        if not isinstance(variable, Variable):
            return fits(source, target)
        if isinstance(target, ListOf):
            source = item_of(source)
        known = self.types.get(variable.name)
        if known is not None:
            if fits(source, known):
                return True
            if fits(known, source):
                self.types[variable.name] = source
                return True
            return False
        options = variable.options
        chosen = (
            source
            if not options
            else next((o for o in options if o == source), None) or next((o for o in options if fits(source, o)), None)
        )
        if chosen is None:
            return False
        self.types[variable.name] = chosen
        return True

    def substituted(self, type_: Type) -> Type | None:
        """`type_` with its variable replaced; one that nothing decided is its first option, or unknown."""
        if isinstance(type_, ListOf) and isinstance(type_.item, Variable):
            inner = self.substituted(type_.item)
            return list_of(inner) if inner is not None else None
        if not isinstance(type_, Variable):
            return type_
        return self.types.get(type_.name) or (type_.options[0] if type_.options else None)


def _is_reference(tree: Tree) -> bool:
    if not isinstance(tree, Scalar) or "$" not in tree.text:
        return False
    parts = read_text(tree.text)
    return len(parts) == 1 and isinstance(parts[0], Reference)


def _reference_of(expr: FromInput | FromNode) -> Reference:
    return Reference(expr.name if isinstance(expr, FromInput) else expr.node, getattr(expr, "port", None), expr.item)


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


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return write_scalar(value) if isinstance(value, (bool, int, float)) else repr(value)


def tree_references(tree: Tree | None) -> Iterator[tuple[Reference, Place]]:
    """Every reference in a value as written, with the place of its scalar."""
    pending = [tree] if tree is not None else []
    while pending:
        one = pending.pop()
        if isinstance(one, Scalar):
            if "$" in one.text:
                yield from ((part, one.place) for part in read_text(one.text) if isinstance(part, Reference))
        elif isinstance(one, Sequence):
            pending.extend(reversed(one.items))
        else:
            pending.extend(entry.value for entry in reversed(list(one.entries.values())))


def resolve(document: Document, catalog: Catalog, templates: TemplateFinder, literals: Literals) -> Resolved:
    """Read every key of a document; all problems are in the result."""
    resolver = Resolver(document, catalog, templates, literals)
    resolved = resolver.resolved
    order, loops = _ordered(document)
    for loop in loops:
        _tell_cycle(loop, document, resolver)
    for id_ in order:
        resolver.node(document.nodes[id_])
    resolved.nodes = {id_: resolved.nodes[id_] for id_ in document.nodes}
    resolved.order = order
    if document.outputs is not None:
        resolved.outputs = {name: _output(decl.value, resolver) for name, decl in document.outputs.items()}
    resolved.static_inputs = _static_inputs(resolved)
    _read_inputs(resolver)
    _tell_unused(resolved)
    return resolved


def _output(scalar: Scalar, resolver: Resolver) -> Expr:
    (reference,) = read_text(scalar.text)
    return resolver._named(reference, scalar.place)  # type: ignore[arg-type]


def ordered_ids(document: Document) -> list[str]:
    """Node ids with producers first; nodes of a circle last."""
    return _ordered(document)[0]


def _ordered(document: Document) -> tuple[list[str], list[list[str]]]:
    """Node ids with producers first, the document's order among equals; and the circles that prevent it.

    Nodes of a circle come last, in the order of the document.
    """
    position = {id_: number for number, id_ in enumerate(document.nodes)}
    needs: dict[str, set[str]] = {}
    for id_, decl in document.nodes.items():
        trees = [*(entry.value for entry in decl.values.values()), decl.for_each, decl.when, decl.cache]
        named = {reference.name for tree in trees for reference, _ in tree_references(tree)}
        needs[id_] = {name for name in named if name in position}
    readers: dict[str, list[str]] = {id_: [] for id_ in document.nodes}
    for id_, names in needs.items():
        for name in names:
            readers[name].append(id_)
    waiting = {id_: len(names) for id_, names in needs.items()}
    ready = [position[id_] for id_, count in waiting.items() if not count]
    ids, order = list(document.nodes), []
    heapq.heapify(ready)
    while ready:
        id_ = ids[heapq.heappop(ready)]
        order.append(id_)
        for reader in readers[id_]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, position[reader])
    if len(order) == len(ids):
        return order, []
    left = [id_ for id_ in ids if waiting[id_]]
    return order + left, _circles(left, needs)


def _circles(left: list[str], needs: dict[str, set[str]]) -> list[list[str]]:
    import networkx as nx

    position = {id_: number for number, id_ in enumerate(left)}
    graph = nx.DiGraph()
    graph.add_nodes_from(left)
    graph.add_edges_from(
        (id_, name) for id_ in left for name in sorted(needs[id_] & position.keys(), key=position.__getitem__)
    )
    loops = []
    for part in sorted(nx.strongly_connected_components(graph), key=lambda ids: min(position[i] for i in ids)):
        first = min(part, key=position.__getitem__)
        if len(part) > 1 or graph.has_edge(first, first):
            loops.append([edge[0] for edge in nx.find_cycle(graph.subgraph(part), first)])
    return loops


def _tell_cycle(loop: list[str], document: Document, resolver: Resolver) -> None:
    circle = " → ".join([*loop, loop[0]])
    decl = document.nodes[loop[0]]
    place = next(
        (
            place
            for entry in decl.values.values()
            for ref, place in tree_references(entry.value)
            if ref.name == loop[1 % len(loop)]
        ),
        decl.place,
    )
    fix = "let one of them read an input or another node"
    resolver._say(
        "cycle",
        "nodes need each other in a circle" if len(loop) > 1 else f"{loop[0]} needs itself",
        place,
        why=f"{circle} (each needs the next)",
        fix=fix,
    )


def _static_inputs(resolved: Resolved) -> frozenset[str]:
    """The inputs of a document that some param needs, its templates' params included."""
    static: set[str] = set()
    for node in resolved.nodes.values():
        exprs = [*node.params.values(), *(e for e in (node.when, node.cache) if e is not None)]
        params = node.type.params if node.type is not None else ()
        inner = node.template.static_inputs if node.template is not None else frozenset()
        exprs += [expr for name, expr in node.ports.items() if name in inner]
        exprs += [expr for factor in node.for_each for name, expr in factor.items() if name in params or name in inner]
        static.update(r.name for expr in exprs for r in references(expr) if isinstance(r, FromInput))
    return frozenset(static)


def _read_inputs(resolver: Resolver) -> None:
    """Check the defaults that can be read without looking at files."""
    for decl in resolver.document.inputs.values():
        if decl.type is None:
            continue
        for limit in (decl.minimum, decl.maximum):
            if limit is not None:
                resolver._literal(limit, limit.text, item_of(decl.type), f"the limit of {decl.name}")
        if decl.default is None or member_for(item_of(decl.type), SCALARS) is None:
            continue
        before = len(resolver.problems)
        expr = input_value(decl.default, decl, resolver.document, resolver.literals, resolver.problems)
        if len(resolver.problems) == before:
            _check_limits(decl, expr, resolver)


def _check_limits(decl: InputDecl, value: object, resolver: Resolver) -> None:
    refusal = outside_limits(decl, value)
    if refusal is not None and decl.default is not None:
        resolver.problems.append(refusal.at(decl.default.place))


def input_value(tree: Tree, decl: InputDecl, document: Document, literals: Literals, problems: list[Problem]) -> object:
    """The Python value of an input as written; None after a problem."""
    assert decl.type is not None
    if isinstance(tree, Scalar) and tree.empty:
        return None
    if isinstance(tree, Sequence) and isinstance(decl.type, ListOf):
        values = [_written(item, decl.type.item, decl, document, literals, problems) for item in tree.items]
        return None if any(value is None for value in values) else tuple(values)
    return _written(tree, decl.type, decl, document, literals, problems)


def _written(
    tree: Tree, type_: Type, decl: InputDecl, document: Document, literals: Literals, problems: list[Problem]
) -> object:
    if not isinstance(tree, Scalar):
        problems.append(
            Problem("wrong-shape", f"the input {decl.name} is {word_of(tree)}, and {type_} is needed", place=tree.place)
        )
        return None
    try:
        # Nothing exists yet that a value of an input could reference, so a dollar is a plain one.
        return literals.read(tree, tree.text, type_, document)
    except Refusal as refusal:
        problems.append(refusal.at(tree.place, about=f"the input {decl.name}"))
        return None


def outside_limits(decl: InputDecl, value: object) -> Refusal | None:
    """A refusal where a number (or an item of a list) is below `min` or above `max` of its input."""
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, bool) or not isinstance(one, (int, float)):
            continue
        for limit, wrong, word in (
            (decl.minimum, lambda a, b: a < b, "least"),
            (decl.maximum, lambda a, b: a > b, "most"),
        ):
            if limit is not None and _is_number(limit) and wrong(one, float(limit.text)):
                return Refusal(
                    "bad-value", f"the input {decl.name} cannot be {one}", fix=f"give at {word} {limit.text}"
                )
    return None


def _is_number(limit: Scalar) -> bool:
    try:
        float(limit.text)
    except ValueError:
        return False
    return True


def _tell_unused(resolved: Resolved) -> None:
    document = resolved.document
    exprs = [expr for node in resolved.nodes.values() for expr in node.expressions()] + list(
        (resolved.outputs or {}).values()
    )
    read = {r.name for expr in exprs for r in references(expr) if isinstance(r, FromInput)}
    trees = [
        t for d in document.nodes.values() for t in (*(e.value for e in d.values.values()), d.for_each, d.when, d.cache)
    ]
    read |= {reference.name for tree in trees for reference, _ in tree_references(tree)}
    for name, decl in document.inputs.items():
        if name not in read:
            resolved.problems.append(
                Problem(
                    "unused-input",
                    f"nothing reads the input {name}",
                    "",
                    f"reference it as ${name}, or remove it",
                    decl.place,
                )
            )
    _tell_unused_checkpoints(resolved, trees)
    if document.outputs is None or any(p.code == "cycle" for p in resolved.problems):
        return
    needed = _needed(resolved)
    for id_, node in resolved.nodes.items():
        if id_ not in needed:
            resolved.problems.append(
                Problem(
                    "unread-node",
                    f"no output needs the node {id_}",
                    "it will not run",
                    f"add an output that shows ${id_}, or remove the node",
                    node.decl.place,
                )
            )


def _tell_unused_checkpoints(resolved: Resolved, trees: list[Tree | None]) -> None:
    document = resolved.document
    if not document.checkpoints:
        return
    texts: set[str] = set()
    pending: list[Tree | None] = [*trees, *(decl.default for decl in document.inputs.values())]
    pending += [decl.details for decl in document.checkpoints.values()]
    while pending:
        one = pending.pop()
        if isinstance(one, Scalar):
            texts.add(one.text)
        elif isinstance(one, Sequence):
            pending.extend(one.items)
        elif one is not None:
            pending.extend(entry.value for entry in one.entries.values())
    for name, decl in document.checkpoints.items():
        if name not in texts:
            resolved.problems.append(
                Problem("unused-checkpoint", f"nothing names the checkpoint {name}", "", "remove it", decl.place)
            )


def _needed(resolved: Resolved) -> set[str]:
    """The nodes that some output needs."""
    pending = [r.node for e in (resolved.outputs or {}).values() for r in references(e) if isinstance(r, FromNode)]
    pending += [decl.value.text[1:].partition(".")[0] for decl in (resolved.document.outputs or {}).values()]
    needed: set[str] = set()
    while pending:
        id_ = pending.pop()
        if id_ in needed or id_ not in resolved.nodes:
            continue
        needed.add(id_)
        decl = resolved.nodes[id_].decl
        for tree in (*(entry.value for entry in decl.values.values()), decl.for_each, decl.when, decl.cache):
            pending.extend(reference.name for reference, _ in tree_references(tree))
    return needed
