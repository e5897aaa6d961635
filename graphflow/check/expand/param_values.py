"""Values of params: given values converted to the param's type, or defaults."""

from __future__ import annotations

import hashlib
from typing import Any

from graphflow.catalog.node_type import Param
from graphflow.check.expand.frame import Instance
from graphflow.check.expand.reports import Reports
from graphflow.check.literals import Picture
from graphflow.check.read.expressions import Const
from graphflow.check.sources import NOT_KNOWN, NodeSource, known_value
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import shown
from graphflow.errors import InvalidValue
from graphflow.values.coerce import coerce


def param_value(param: Param, source: NodeSource | None, instance: Instance, seed: int, reports: Reports) -> Any:
    """The value of a param, or `NOT_KNOWN` if there is none; then a problem says why.

    Args:
        param: of the node's type.
        source: of the given value; None if it is not given.
        instance: the node.
        seed: the run's seed.
        reports: gets the problem of a value that the param does not allow.
    """
    if source is None:
        if param.derived_seed:
            return derived_seed(seed, instance.bare)
        return NOT_KNOWN if param.required else param.default
    value = known_value(source)
    if value is NOT_KNOWN:
        return NOT_KNOWN
    expr = instance.node.params.get(param.name)
    if isinstance(expr, Const) and not isinstance(value, Picture):
        # It was checked when the document was read.
        return coerce(value, param.type) if type(value) in (int, tuple, list) else value
    try:
        return param.accept(value)
    except InvalidValue as error:
        message = f"{instance.node.decl.id}.{param.name} cannot be {shown(value)}"
        refusal = Refusal("bad-value", message, str(error), f"it takes {param.allowed()}")
        reports.refuse(refusal, instance.node.place_of(param.name), instance.frame.used)
        return NOT_KNOWN


def derived_seed(seed: int, path: str) -> int:
    """The seed of a stage that gives none: the first 4 bytes of sha256("RUNSEED/PATH"), PATH without item index."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{path}".encode()).digest()[:4], "big")
