"""Resolve: read every key of one document; inputs don't have values yet."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.catalog.catalog import Catalog
from graphflow.check.input_values import input_value, outside_limits
from graphflow.check.literals import Literals
from graphflow.check.read.expressions import Expr, FromInput, references
from graphflow.check.read.nodes import NodeReader, TemplateFinder
from graphflow.check.read.picture_formats import picture_formats
from graphflow.check.read.producers import circle_problem, producers_first
from graphflow.check.read.resolved import Resolved, ResolvedNode
from graphflow.check.read.unused import unused
from graphflow.document.known_keys import RUN_SEED
from graphflow.document.model import Document, InputDecl
from graphflow.document.references import tree_references
from graphflow.document.refusal import Refusal
from graphflow.document.text import Reference
from graphflow.problems import NOWHERE
from graphflow.values.types import SCALARS, item_of, member_for


def resolve(
    document: Document,
    catalog: Catalog,
    templates: TemplateFinder,
    literals: Literals,
    *,
    only: Sequence[str] = (),
) -> Resolved:
    """Read every key of a document; all problems are in the result.

    Args:
        document: as parsed or built.
        catalog: the node types that it may use.
        templates: finds its templates.
        literals: reads literal values.
        only: what the call asks for; names that the document does not have are left out.
    """
    reader = NodeReader(document, catalog, templates, literals)
    resolved = reader.resolved
    order, circles = producers_first(document)
    resolved.problems += [circle_problem(circle, document) for circle in circles]
    for id_ in order:
        reader.node(document.nodes[id_])
    resolved.nodes = {id_: resolved.nodes[id_] for id_ in document.nodes}
    resolved.order = order
    if document.outputs is not None:
        resolved.outputs = {name: _output(name, reader) for name in document.outputs}
        resolved.formats = picture_formats(resolved)
    resolved.requested = {name: expr for name in only if (expr := _requested(name, reader)) is not None}
    resolved.static_inputs = _static_inputs(resolved)
    for decl in document.inputs.values():
        _check_input(decl, reader, literals)
    for checkpoint in document.checkpoints.values():
        try:
            literals.checkpoints.declared(checkpoint, document)
        except Refusal as refusal:
            resolved.problems += refusal.problems(checkpoint.place)
    if not circles:
        resolved.problems += unused(
            document, {*reader.names.meant, *(name.partition(".")[0] for name in resolved.requested)}
        )
    return resolved


def _output(name: str, reader: NodeReader) -> Expr:
    outputs = reader.resolved.document.outputs or {}
    ((reference, place),) = tree_references(outputs[name].value)
    return reader.names.look_up(reference, place)


def _requested(name: str, reader: NodeReader) -> Expr | None:
    """The result of a node, given as `NODE` or `NODE.OUTPUT`; None if it is an output of the document, or unknown."""
    id_, dot, port = name.partition(".")
    node = reader.resolved.nodes.get(id_)
    if name in (reader.resolved.outputs or {}) or node is None or not node.outputs:
        return None
    if dot and port not in node.outputs:
        return None
    return reader.names.look_up(Reference(id_, port if dot else None), NOWHERE)


def _static_inputs(resolved: Resolved) -> frozenset[str]:
    """The inputs of a document that params need, including its templates' params."""
    static: set[str] = set()
    for node in resolved.nodes.values():
        exprs = [*node.params.values(), *[e for e in (node.when, node.cache, node.run_seed) if e is not None]]
        if node.template is not None:
            exprs += [expr for name, expr in node.ports.items() if name in node.template.static_inputs]
        for factor in node.for_each:
            exprs += [expr for name, expr in factor.items() if name == RUN_SEED or _is_static(name, node)]
        for expr in exprs:
            static.update([read.name for read in references(expr) if isinstance(read, FromInput)])
    return frozenset(static)


def _is_static(key: str, node: ResolvedNode) -> bool:
    """Whether a node needs the value of a key before the run."""
    if node.template is not None:
        return key in node.template.static_inputs
    return node.type is not None and key in node.type.params


def _check_input(decl: InputDecl, reader: NodeReader, literals: Literals) -> None:
    """Check limits, and a default that can be read without files."""
    if decl.type is None:
        return
    for limit in (decl.minimum, decl.maximum):
        if limit is not None:
            reader.values.literal(limit, limit.text, item_of(decl.type), f"the limit of {decl.name}")
    if decl.default is None or member_for(item_of(decl.type), SCALARS) is None:
        return
    problems = reader.resolved.problems
    before = len(problems)
    value = input_value(decl.default, decl, reader.resolved.document, literals, problems)
    refusal = outside_limits(decl, value) if len(problems) == before else None
    if refusal is not None:
        problems.append(refusal.at(decl.default.place))
