"""Read nodes: the keys of each node, according to its node type or template."""

from __future__ import annotations

from collections.abc import Callable

from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import NodeType
from graphflow.check.literals import Literals
from graphflow.check.read.bindings import Bindings
from graphflow.check.read.expressions import Broken, Expr
from graphflow.check.read.for_each import ForEachReader
from graphflow.check.read.names import Names
from graphflow.check.read.node_keys import Keys
from graphflow.check.read.params import accepted
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.read.values import ValueReader
from graphflow.check.seeds import is_run_seed
from graphflow.document.aliases import did_you_mean_one_of, types_meant
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.model import Document, InputDecl, NodeDecl
from graphflow.document.references import is_reference
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Scalar, Tree
from graphflow.errors import DefinitionError
from graphflow.values.types import BOOL, INT, Variable, item_of

TemplateFinder = Callable[[Scalar, Document], Resolved]
"""Returns the resolved template that a scalar names; raises `Refusal` if there is none."""


class NodeReader:
    """Reads the nodes of one document; a builder can add them one at a time.

    Args:
        document: where inputs and checkpoints are declared; its nodes may grow.
        catalog: the node types.
        templates: finds templates.
        literals: reads literal values.

    Attributes:
        resolved: everything read so far, and all problems.
        names: looks up references.
        values: reads single values.
    """

    def __init__(self, document: Document, catalog: Catalog, templates: TemplateFinder, literals: Literals) -> None:
        self.resolved = Resolved(document)
        self.names = Names(self.resolved)
        self.values = ValueReader(self.resolved, self.names, literals)
        self._keys = Keys(self.resolved, self.names)
        self._for_each = ForEachReader(self.resolved, self.names, self.values, self._keys)
        self._catalog = catalog
        self._templates = templates
        self._types: dict[str, NodeType | None] = {}

    def node(self, decl: NodeDecl) -> ResolvedNode:
        """Read one node whose producers are read; its problems are added to those of `resolved`."""
        node = ResolvedNode(decl)
        self.resolved.nodes[decl.id] = node
        self._insert(node)
        if node.type is not None:
            self._typed_keys(node, node.type)
        elif node.template is not None:
            self._template_keys(node, node.template)
        else:
            for tree in (*(entry.value for entry in decl.values.values()), decl.for_each):
                self.names.look_up_all(tree)
        node.when = self._flag(decl, "when")
        node.cache = self._flag(decl, "cache")
        node.run_seed = self._run_seed(decl)
        return node

    def _insert(self, node: ResolvedNode) -> None:
        """Find the node's type or template."""
        ref = node.decl.ref
        if ref.empty:
            return
        if node.decl.kind == "template":
            try:
                node.template = self._templates(ref, self.resolved.document)
            except Refusal as refusal:
                self.resolved.problems.append(refusal.at(ref.place))
            return
        node.type = self._type(ref)

    def _type(self, ref: Scalar) -> NodeType | None:
        if ref.text not in self._types:
            if ref.text not in self._catalog:
                close = types_meant(ref.text, list(self._catalog))
                listed = "use one that `graphflow nodes` lists, or name its package or file with --nodes"
                fix = did_you_mean_one_of(close) if close else listed
                message = f"there is no node type {ref.text or '(nothing)'}"
                self.resolved.report("unknown-type", message, ref.place, fix=fix)
                return None
            try:
                self._types[ref.text] = self._catalog[ref.text]
            except DefinitionError as error:
                message = f"the node type {ref.text} cannot be used"
                self.resolved.report("unknown-type", message, ref.place, why=str(error))
                return None
        return self._types[ref.text]

    def _typed_keys(self, node: ResolvedNode, type_: NodeType) -> None:
        decl, bound = node.decl, Bindings()
        owner = f"the node type {type_.name}"
        factors = self._for_each.factors(decl, type_.keys)
        later = []
        for key, entry in decl.values.items():
            if key in type_.params:
                param, what = type_.params[key], f"{decl.id}.{key}"
                expr = self.values.read_known(entry.value, param.type, what)
                node.params[key] = accepted(self.resolved, expr, param, decl.id)
            elif key not in type_.ports:
                self._keys.unknown(decl, key, type_.keys, owner)
            elif isinstance(item_of(type_.ports[key].type), Variable) and not is_reference(entry.value):
                later.append(key)
            else:
                node.ports[key] = self._port(node, type_, key, bound)
        for key in later:
            # A literal has no type of its own, so references decide the type of a variable first.
            node.ports[key] = self._port(node, type_, key, bound)
        node.for_each = tuple([self._factor(node, factor, type_, bound) for factor in factors])
        self._keys.require(node, type_.required, owner)
        if type_.select is not None and not any(map(node.gives, type_.ports)):
            message, why = f"{decl.id} needs {' or '.join(type_.ports)}", f"{owner} has nothing to pass on"
            fix = f"add {next(iter(type_.ports))}: …"
            self.resolved.report("missing-value", message, decl.place, why=why, fix=fix)
        outputs = {name: bound.substituted(output.type) for name, output in type_.outputs.items()}
        node.outputs = self._for_each.listed(decl, outputs)

    def _port(self, node: ResolvedNode, type_: NodeType, key: str, bound: Bindings) -> Expr:
        return self.values.read(node.decl.values[key].value, type_.ports[key].type, f"{node.decl.id}.{key}", bound)

    def _factor(self, node: ResolvedNode, factor: dict[str, Tree], type_: NodeType, bound: Bindings) -> dict[str, Expr]:
        exprs: dict[str, Expr] = {}
        for key, tree in factor.items():
            what = f"{node.decl.id}.{key}"
            if key in type_.params:
                param = type_.params[key]
                expr = self._for_each.read_list(tree, param.type, what, known=True)
                exprs[key] = accepted(self.resolved, expr, param, node.decl.id, each=True)
            else:
                exprs[key] = self._for_each.read_list(tree, type_.ports[key].type, what, bound=bound)
        return exprs

    def _template_keys(self, node: ResolvedNode, template: Resolved) -> None:
        decl, inputs, owner = node.decl, template.document.inputs, f"the template {node.decl.ref.text}"
        factors = self._for_each.factors(decl, (*inputs, RUN_SEED))
        for key, entry in decl.values.items():
            if key in inputs:
                node.ports[key] = self._template_input(entry.value, inputs[key], decl, template)
            else:
                self._keys.unknown(decl, key, tuple(inputs), owner)
        node.for_each = tuple([self._template_factor(decl, factor, template) for factor in factors])
        required = [name for name, given in inputs.items() if given.default is None and given.type is not None]
        if node.gives(RUN_SEED):
            required = [name for name in required if not is_run_seed(inputs[name])]
        self._keys.require(node, required, owner)
        if template.outputs is None:
            message, fix = f"{decl.ref.text} has no outputs", "add outputs to the template"
            self.resolved.report("template-outputs", message, decl.ref.place, fix=fix)
            return
        node.outputs = self._for_each.listed(decl, {name: expr.type for name, expr in template.outputs.items()})

    def _template_input(self, tree: Tree, decl: InputDecl, node: NodeDecl, template: Resolved) -> Expr:
        what = f"{node.id}.{decl.name}"
        if decl.type is None:
            self.names.look_up_all(tree)
            return Broken(tree.place)
        if decl.name in template.static_inputs:
            why = f"{node.ref.text} passes it to a param, and params must be known before the run"
            return self.values.read_known(tree, decl.type, what, why=why)
        return self.values.read(tree, decl.type, what)

    def _template_factor(self, decl: NodeDecl, factor: dict[str, Tree], template: Resolved) -> dict[str, Expr]:
        inputs, static = template.document.inputs, template.static_inputs
        return {
            key: self._for_each.read_list(
                tree,
                INT if key == RUN_SEED else inputs[key].type,
                f"{decl.id}.{key}",
                known=key in static or key == RUN_SEED,
            )
            for key, tree in factor.items()
        }

    def _run_seed(self, decl: NodeDecl) -> Expr | None:
        if decl.run_seed is None:
            return None
        if decl.kind == "type":
            message, why = f"{decl.id} cannot have a {RUN_SEED}", "only a template can run like a graph of its own"
            fix = "give the node a seed, or move it into a template"
            self.resolved.report("unknown-key", message, decl.run_seed.place, why=why, fix=fix)
        return self.values.read_known(decl.run_seed, INT, f"{decl.id}.{RUN_SEED}")

    def _flag(self, decl: NodeDecl, option: str) -> Expr | None:
        tree: Tree | None = getattr(decl, option)
        return None if tree is None else self.values.read_known(tree, BOOL, f"{decl.id}.{option}")
