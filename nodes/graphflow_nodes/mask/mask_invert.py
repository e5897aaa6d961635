"""mask_invert: swap the parts to repaint and to keep."""

from typing import Annotated

from graphflow.catalog.authoring import SizeOf, node
from graphflow.values.raster import Mask


@node()
def mask_invert(mask: Mask) -> Annotated[Mask, SizeOf("mask")]:
    """Swap white and black; grey v becomes 255 − v, the size is kept."""
    import PIL.ImageChops

    return Mask.of(PIL.ImageChops.invert(mask.pil()))
