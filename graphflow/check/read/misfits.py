"""Misfits: problems of references that do not fit the type of their key, with a suggestion."""

from __future__ import annotations

from graphflow.check.read.bindings import Bindings
from graphflow.check.read.expressions import FromInput, FromNode
from graphflow.check.read.resolved import Resolved
from graphflow.document.text import Reference, written
from graphflow.values.types import PICTURES, Atom, ListOf, Type, Variable, fits, item_of, member_for


def report_misfit(
    resolved: Resolved, expr: FromInput | FromNode, reference: Reference, target: Type, what: str, bound: Bindings
) -> None:
    """Report that a value of a known type does not fit.

    Args:
        resolved: the document; the problem goes there.
        expr: the expression of the reference.
        reference: as it is written.
        target: the type of its key, named as `what`.
        bound: the types of the variables of the node's ports.
    """
    variable = item_of(target)
    if isinstance(variable, Variable) and variable.name in bound.types:
        target = bound.substituted(target) or target
    source: Type = expr.type  # type: ignore[assignment]
    shown, place = written(reference), expr.place
    message = f"{what} cannot take {shown}"
    why = f"{shown} is {source}; {what} takes {target}"
    if isinstance(source, ListOf) and fits(source.item, target) and not isinstance(target, ListOf):
        alone = Reference(reference.name, reference.port, 0)
        fix = f"use {written(alone)}, or for_each over {shown}"
        resolved.report("list-to-single", message, place, why=why, fix=fix)
        return
    fix = _other_output(resolved, expr, reference, target)
    if _between_latents_and_picture(source, target):
        if not fix or isinstance(expr, FromInput):
            converter = "vae_decode" if str(item_of(source)) == "latents" else "vae_encode"
            fix = f"put a {converter} between them"
        resolved.report("latents-to-picture", message, place, why=why, fix=fix)
        return
    resolved.report("type-mismatch", message, place, why=why, fix=fix or f"reference a value of type {target}")


def _between_latents_and_picture(source: Type, target: Type) -> bool:
    latents = "latents" in (str(item_of(source)), str(item_of(target)))
    return latents and any(member_for(item_of(type_), PICTURES) for type_ in (source, target))


def _other_output(resolved: Resolved, expr: FromInput | FromNode, reference: Reference, target: Type) -> str:
    if isinstance(expr, FromNode):
        outputs = resolved.nodes[expr.node].outputs or {}
        for name, type_ in outputs.items():
            if type_ is not None and fits(type_, target):
                return f"use {written(Reference(reference.name, name, reference.item))}"
    elif isinstance(target, Atom):
        return f"declare the input {reference.name} with type: {target}"
    return ""
