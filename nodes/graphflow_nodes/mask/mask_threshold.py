"""mask_threshold: reduce a mask to black and white."""

from typing import Annotated

from graphflow.catalog.authoring import Doc, Ge, Le, SizeOf, node
from graphflow.values.raster import Mask


@node()
def mask_threshold(
    mask: Annotated[Mask, Doc("A mask, or a picture, of which the luminance is used.")],
    *,
    threshold: Annotated[
        float, Ge(0), Le(1), Doc("Brightness from which a pixel becomes white; 0 = black, 1 = white.")
    ] = 0.5,
) -> Annotated[Mask, SizeOf("mask")]:
    """Turn grey into black and white: a brightness of at least `threshold` becomes white, anything below black.

    The size is kept. diffusers' inpainting pipelines binarise masks at 0.5.
    """
    return Mask.of(mask.pil().point(lambda value: 255 if value >= threshold * 255 else 0))
