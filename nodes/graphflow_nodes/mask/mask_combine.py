"""mask_combine: one mask from two."""

from typing import Annotated, Literal

from graphflow.catalog.authoring import Doc, SameSize, SizeOf, node
from graphflow.values.value import Mask


@node()
def mask_combine(
    mask: Mask,
    other: Annotated[Mask, SameSize("mask")],
    *,
    operation: Annotated[
        Literal["union", "intersection", "difference", "xor"],
        Doc("White is: union in either; intersection in both; difference in mask but not in other; xor in just one."),
    ] = "union",
) -> Annotated[Mask, SizeOf("mask")]:
    """Combine two masks of one size; of grey values union takes the lighter and intersection the darker one.

    Size is kept; `difference` and `xor` are made of these two and 255 − v (Zadeh's fuzzy set operations).
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
