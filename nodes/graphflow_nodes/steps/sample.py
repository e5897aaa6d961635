"""The steps that sample with a pipeline of diffusers: every part of a stage that draws random numbers.

Each returns the same bytes as the plain diffusers call; several in one call, those of the call with a list of
generators, each of which draws what the call for one picture would draw.
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
from graphflow_nodes.steps.merged_arguments import merged
from graphflow_nodes.steps.pipeline import call


def sample_together(
    positive: list[list[Conditioning]],
    context: Context,
    negative: list[list[Conditioning]] | None = None,
    image: list[Image | Latents] | None = None,
    mask: list[Mask] | None = None,
    control: list[list[Control]] | None = None,
    *,
    sampling: list[Sampling],
) -> list[Latents]:
    """Sample several latents in one call, each with a generator of its own: see `sample`.

    Raises:
        InvalidValue: the calls differ in an argument that one call has only once, such as the length of the texts.
    """
    count, first = len(sampling), sampling[0]
    none: list[Any] = [None] * count
    rows = zip(positive, negative or none, image or none, mask or none, control or none, sampling, strict=True)
    arguments = merged([_arguments(*row) for row in rows])
    generators = [context.generator(one.seed) for one in sampling]
    nets = len(control[0]) if control else 0
    latents = call(first, context, nets=nets, generator=generators, output_type="latent", **arguments)
    return [Latents(latents[number : number + 1].clone(), first.space, first.noise) for number in range(count)]


@step(version=2, batched=sample_together)
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
    arguments = _arguments(positive, negative, image, mask, control, sampling)
    latents = call(sampling, context, nets=len(control or ()), output_type="latent", **arguments)
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
    arguments = _arguments(positive, negative, image, mask, control, sampling)
    (painted,) = call(sampling, context, nets=len(control or ()), **arguments)
    return Image.of(painted)


def _arguments(
    positive: Sequence[Conditioning],
    negative: Sequence[Conditioning] | None,
    image: Image | Latents | None,
    mask: Mask | None,
    control: Sequence[Control] | None,
    sampling: Sampling,
) -> dict[str, Any]:
    """The arguments of the pipeline's call for one picture."""
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
    return arguments | arguments_of(positive, negative, sampling)
