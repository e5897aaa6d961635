"""Params: constants are checked against the choices and limits of a param, each reported at its own place."""

from __future__ import annotations

from collections.abc import Iterator

from graphflow.catalog.node_type import Param
from graphflow.check.read.expressions import Broken, Const, Expr, Items
from graphflow.check.read.resolved import Resolved
from graphflow.document.aliases import choices_meant, did_you_mean_one_of
from graphflow.document.scalars import shown
from graphflow.errors import InvalidValue
from graphflow.problems import Place


def accepted(resolved: Resolved, expr: Expr, param: Param, owner: str, *, each: bool = False) -> Expr:
    """The expression; `Broken` (and a problem) if the param does not allow a constant in it.

    Args:
        resolved: the document; problems go there.
        expr: the given value.
        param: the param of this value.
        owner: id of the node.
        each: whether the expression is a list of the values of a `for_each`.
    """
    if not param.choices and not param.constraints:
        return expr
    for value, place in _constants(expr, whole=not each):
        try:
            param.accept(value)
        except InvalidValue as error:
            message = f"{owner}.{param.name} cannot be {shown(value)}"
            resolved.report("bad-value", message, place, why=str(error), fix=_fix(value, param))
            return Broken(expr.place)
    return expr


def _fix(value: object, param: Param) -> str:
    if param.choices:
        close = choices_meant(str(value), list(map(str, param.choices)))
        return did_you_mean_one_of(close) if close else f"write {' or '.join(map(str, param.choices))}"
    return f"it takes {param.allowed()}"


def _constants(expr: Expr, *, whole: bool) -> Iterator[tuple[object, Place]]:
    """The constants in an expression, as a whole or item by item, each with its place."""
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
