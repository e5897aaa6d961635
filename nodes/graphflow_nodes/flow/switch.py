"""switch: pass on one of two values; nodes that only feed the other do not run."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from graphflow.catalog.authoring import Doc, node

T = TypeVar("T")


def _taken(params: Mapping[str, Any]) -> str:
    return "if_true" if params["condition"] else "if_false"


@node(select=_taken)
def switch(
    if_true: Annotated[T | None, Doc("Passed on if the condition is true.")] = None,
    if_false: Annotated[T | None, Doc("Passed on if it is false.")] = None,
    *,
    condition: Annotated[bool, Doc("Known before the run, so the other side is never computed.")],
) -> Annotated[T | None, Doc("The selected value, unchanged; absent if that side is not given.")]:
    """Pass on `if_true` or `if_false`, depending on `condition`.

    Both sides have the same type, which can be any type. Nodes that only feed the other side do not run. If the
    selected side is not given, the value is absent: a list drops it, an optional port counts as not given.
    """
    return if_true if condition else if_false
