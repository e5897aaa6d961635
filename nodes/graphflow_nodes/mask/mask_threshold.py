"""mask_threshold: make a mask of black and white only."""

from typing import Annotated

from graphflow.catalog.authoring import Doc, Ge, Le, SizeOf, node
from graphflow.values.value import Mask


@node()
def mask_threshold(
    mask: Annotated[Mask, Doc("A mask, or a picture, whose luminance counts.")],
    *,
    threshold: Annotated[float, Ge(0), Le(1), Doc("White from this brightness on; 0 = black, 1 = white.")] = 0.5,
) -> Annotated[Mask, SizeOf("mask")]:
    """Turn grey into black and white: a brightness of at least `threshold` into white, any other one into black.

    Size is kept. 0.5 is where diffusers' inpainting pipelines harden a mask.
    """
    return Mask.of(mask.pil().point(lambda value: 255 if value >= threshold * 255 else 0))
