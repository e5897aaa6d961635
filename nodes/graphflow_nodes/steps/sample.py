"""The steps that sample with a pipeline of diffusers: every part of a stage that draws random numbers.

Each returns the same bytes as the plain diffusers call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.errors import InvalidValue
from graphflow.values.control import Control
from graphflow.values.raster import Image, Mask
from graphflow.values.sampling import Sampling
from graphflow.values.tensor_values import Conditioning, Latents
from graphflow_nodes.steps.conditioning import arguments_of
from graphflow_nodes.steps.control import steering
from graphflow_nodes.steps.pipeline import call


@step(version=2)
def sample(
    positive: list[Conditioning],
    context: Context,
    negative: list[Conditioning] | None = None,
    image: Image | Latents | None = None,
    mask: Mask | None = None,
    control: list[Control] | None = None,
    *,
    sampling: Sampling,
) -> Latents:
    """Sample latents: from noise, a picture or latents, everywhere or in the white part of a mask.

    A picture is encoded in this step and not in one of its own, because that draws from the stage's generator.

    Args:
        positive, negative: texts, as each of the family's encoders reads them.
        mask: white = repaint; grey is binarised at one half.
        control: one for each ControlNet; their components are `controlnet_0`, `controlnet_1`, …
        sampling: the pipeline and its settings.
    """
    latents = _called(positive, negative, image, mask, control, sampling, context, output_type="latent")
    return Latents(latents, sampling.space, sampling.noise)


@step(version=2)
def paint_crop(
    positive: list[Conditioning],
    image: Image,
    mask: Mask,
    context: Context,
    negative: list[Conditioning] | None = None,
    control: list[Control] | None = None,
    *,
    sampling: Sampling,
) -> Image:
    """Repaint around the mask and paste it back: see `sample`.

    The surroundings of the mask's white part are cropped, painted and pasted back in one step, since the class pastes
    into its input picture; pixels in the black part do not change.

    Raises:
        InvalidValue: the mask is black, so there is nothing to crop.
    """
    if mask.pil().getbbox() is None:
        raise InvalidValue("the mask is completely black, but padding_mask_crop crops around its white part")
    (painted,) = _called(positive, negative, image, mask, control, sampling, context)
    return Image.of(painted)


def _called(
    positive: Sequence[Conditioning],
    negative: Sequence[Conditioning] | None,
    image: Image | Latents | None,
    mask: Mask | None,
    control: Sequence[Control] | None,
    sampling: Sampling,
    context: Context,
    **more: Any,
) -> Any:
    """What the pipeline's call gives as its `images`."""
    # Sizes are tuples, since lists fail in some classes.
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in sampling.settings.items()
    }
    if image is not None:
        arguments["image"] = image.pil() if isinstance(image, Image) else image.tensor
        if sampling.beside and isinstance(image, Latents):
            arguments["masked_image_latents"] = image.tensor
        if sampling.sized:
            arguments |= {"height": image.height, "width": image.width}
    if mask is not None:
        arguments["mask_image"] = mask.pil()
    arguments |= steering(control, sampling.control, arguments)
    arguments |= arguments_of(positive, negative, sampling)
    return call(sampling, context, nets=len(control or ()), **arguments, **more)
