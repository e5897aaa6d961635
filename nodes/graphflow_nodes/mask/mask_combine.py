"""mask_combine: combine two masks into one."""

from typing import Annotated, Literal

from graphflow.catalog.authoring import Doc, SameSize, SizeOf, node
from graphflow.values.raster import Mask


@node()
def mask_combine(
    mask: Mask,
    other: Annotated[Mask, SameSize("mask")],
    *,
    operation: Annotated[
        Literal["union", "intersection", "difference", "xor"],
        Doc("White in: union either; intersection both; difference mask but not other; xor exactly one of them."),
    ] = "union",
) -> Annotated[Mask, SizeOf("mask")]:
    """Combine two masks of the same size; for grey values, union takes the lighter and intersection the darker.

    The size is kept; `difference` and `xor` are composed of these two and 255 − v (Zadeh's fuzzy set operations).
    """
    from PIL.ImageChops import darker, invert, lighter

    first, second = mask.pil(), other.pil()
    if operation == "union":
        return Mask.of(lighter(first, second))
    if operation == "intersection":
        return Mask.of(darker(first, second))
    only_first = darker(first, invert(second))
    if operation == "difference":
        return Mask.of(only_first)
    return Mask.of(lighter(only_first, darker(second, invert(first))))
