"""mask_from_color: a mask of the pixels that have a given colour."""

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, SizeOf, node
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.planning.colors import color_faults


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    return Planned(problems=color_faults(params["color"]))


@node(plan=_plan)
def mask_from_color(
    image: Image,
    *,
    color: Annotated[str, Doc("A colour in Pillow's notation: orange, #ff8800, rgb(255, 136, 0), hsl(32, 100%, 50%).")],
    tolerance: Annotated[
        int, Ge(0), Le(255), Doc("Largest difference from the colour in each of red, green and blue, in 0–255.")
    ] = 16,
) -> Annotated[Mask, SizeOf("image")]:
    """Select the pixels of a colour: white where red, green and blue are each within `tolerance` of `color`.

    Size is kept; all other pixels are black.
    """
    import PIL.Image
    import PIL.ImageChops

    distances = PIL.ImageChops.difference(image.pil(), PIL.Image.new("RGB", image.size, color)).split()
    largest = reduce(PIL.ImageChops.lighter, distances)
    return Mask.of(largest.point(lambda value: 255 if value <= tolerance else 0))
