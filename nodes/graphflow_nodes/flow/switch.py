"""switch: pass one of two values on; what only feeds the other one does not run."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from graphflow.catalog.authoring import Doc, node

T = TypeVar("T")


def _taken(params: Mapping[str, Any]) -> str:
    return "if_true" if params["condition"] else "if_false"


@node(select=_taken)
def switch(
    if_true: Annotated[T | None, Doc("What is passed on where the condition is true.")] = None,
    if_false: Annotated[T | None, Doc("What is passed on where it is false.")] = None,
    *,
    condition: Annotated[bool, Doc("Known before the run, so that the other side is never computed.")],
) -> Annotated[T | None, Doc("The chosen value, unchanged; absent where that side is not given.")]:
    """Pass `if_true` or `if_false` on, whichever `condition` says.

    Both sides are of one type, any type. What only feeds the side that is not chosen does not run. A side that
    is not given makes the value absent: a list drops it, an optional port counts as not given.
    """
    return if_true if condition else if_false
