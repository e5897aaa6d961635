"""overlay: put a generated picture over the original where the mask is white."""

from typing import Annotated, Literal

from graphflow.catalog.authoring import Doc, SameSize, SizeOf, node
from graphflow.values.raster import Image, Mask


@node()
def overlay(
    image: Annotated[Image, Doc("The original: kept where the mask is black.")],
    mask: Annotated[Mask, SameSize("image"), Doc("White = generated, black = original; grey blends in soft mode.")],
    generated: Annotated[Image, SameSize("image"), Doc("Shown where the mask is white.")],
    *,
    mode: Annotated[
        Literal["soft", "binary"], Doc("soft blends by the mask's grey; binary takes generated from 50 % grey upwards.")
    ] = "soft",
) -> Annotated[Image, SizeOf("image")]:
    """Put the masked area of `generated` into `image`; all three have the same size.

    Where the mask is black, the original's bytes are kept. Source: `soft` equals diffusers'
    VaeImageProcessor.apply_overlay without a crop, byte for byte; `binary` is the composite that diffusers'
    inpainting guide used before that method existed.
    """
    import PIL.Image
    import PIL.ImageChops

    selection, painted = mask.pil(), generated.pil()
    if mode == "binary":
        # Half of 255 is 127.5, so 128 is the first value above it.
        hard = selection.point(lambda value: 255 if value >= 128 else 0)
        return Image.of(PIL.Image.composite(painted, image.pil(), hard))
    # Premultiplied colours as in diffusers, since a plain blend rounds differently.
    kept = PIL.Image.new("RGBa", image.size)
    kept.paste(image.pil().convert("RGBA").convert("RGBa"), mask=PIL.ImageChops.invert(selection))
    return Image.of(PIL.Image.alpha_composite(painted.convert("RGBA"), kept.convert("RGBA")))
