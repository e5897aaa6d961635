"""mask_blur: soften a mask's edge so that the repainted region blends into the picture."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, SizeOf, node
from graphflow.values.facts import Facts
from graphflow.values.raster import Mask


def _plan(facts: Mapping[str, Facts], params: Mapping[str, Any], *_: Any) -> Planned:
    mask = facts["mask"]
    return Planned({"mask": Facts(mask.width, mask.height, soft=mask.soft or params["blur_factor"] > 0)})


@node(plan=_plan)
def mask_blur(
    mask: Mask,
    *,
    blur_factor: Annotated[float, Ge(0), Le(1000), Doc("Standard deviation in pixels; 0 keeps the edge.")] = 4.0,
) -> Annotated[Mask, SizeOf("mask")]:
    """Soften a mask's edge, with a Gaussian of radius `blur_factor` pixels; zero keeps the edge.

    The size is kept; values stay in 0–255, white = repaint. Source: diffusers' VaeImageProcessor.blur, which is
    Pillow's GaussianBlur, byte for byte.
    """
    import PIL.ImageFilter

    return Mask.of(mask.pil().filter(PIL.ImageFilter.GaussianBlur(blur_factor)))
