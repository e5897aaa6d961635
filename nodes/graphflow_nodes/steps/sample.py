"""The steps that sample: everything of a stage that draws random numbers, for every family.

Each gives the bytes that the plain diffusers call gives.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from graphflow.catalog.authoring import Context, step
from graphflow.errors import FileProblem, InvalidValue
from graphflow.values.control import Control
from graphflow.values.latent_space import LatentSpace, Noise
from graphflow.values.tensor_values import Conditioning, Latents
from graphflow.values.value import Image, Mask
from graphflow_nodes.steps.control import roles, steering
from graphflow_nodes.steps.pipeline import Call


@step(version=1)
def sample(
    positive: Conditioning,
    context: Context,
    negative: Conditioning | None = None,
    positive_2: Conditioning | None = None,
    negative_2: Conditioning | None = None,
    image: Image | Latents | None = None,
    mask: Mask | None = None,
    control: list[Control] | None = None,
    *,
    guided: bool = True,
    readout: str = "",
    pipeline: str,
    space: str,
    scheduler: str,
    seed: int,
    settings: str,
    flags: str = "{}",
    steered: str = "",
    sized: bool = False,
    beside: bool = False,
    vae: bool = False,
    zeros: bool = False,
    noise: str = "",
) -> Latents:
    """Sample latents, from noise, from a picture or from latents, everywhere or where a mask is white.

    A picture is encoded here and not in a step of its own, because its encoding draws from the stage's generator.

    Args:
        positive, negative, positive_2, negative_2: texts as the first and the second encoder read them.
        mask: white = repaint; grey is hardened at one half.
        control: one for each ControlNet; their components are `controlnet_0`, `controlnet_1`, …
        guided: whether a negative text is needed.
        readout: how the family reads its texts.
        pipeline: the diffusers class.
        space, scheduler: as JSON; see `LatentSpace` and `graphflow_nodes.steps.pipeline`.
        settings: further arguments of the call, as JSON.
        flags: settings of the class, as JSON.
        steered: the argument of the call that takes control pictures.
        sized: whether the class is told the size of `image`.
        beside: whether latents go in beside themselves as `masked_image_latents`: Stable Diffusion's inpainting
            refuses them otherwise, and with a UNet of 4 channels never reads those.
        vae: whether the class encodes something, or reads a setting off the VAE.
        zeros: whether the negative text is all zeros, as for an empty prompt of SDXL.
        noise: what is known of the latents' noise where denoising ends before the last step, as JSON.
    """
    arguments = _arguments(settings)
    if image is not None:
        given = image.pil() if isinstance(image, Image) else image.tensor
        arguments["image"] = given
        if beside and isinstance(image, Latents):
            arguments["masked_image_latents"] = given
        if sized:
            arguments |= {"height": image.height, "width": image.width}
    if mask is not None:
        arguments["mask_image"] = mask.pil()
    arguments |= steering(control, steered, arguments)
    nets = roles(control)
    call = Call(pipeline, context, LatentSpace.of_json(space), scheduler, seed, json.loads(flags), vae, nets)
    _require_fitting(positive, readout, guided=guided and negative is None and not zeros)
    told = _told(positive, positive_2), _below(positive, _told(negative, negative_2), positive_2, zeros)
    made = call.images(*told, output_type="latent", **arguments)
    return Latents(made, call.space, Noise.of_json(noise) if noise else None)


@step(version=1)
def paint_crop(
    positive: Conditioning,
    image: Image,
    mask: Mask,
    context: Context,
    negative: Conditioning | None = None,
    positive_2: Conditioning | None = None,
    negative_2: Conditioning | None = None,
    control: list[Control] | None = None,
    *,
    guided: bool = True,
    readout: str = "",
    pipeline: str,
    space: str,
    scheduler: str,
    seed: int,
    settings: str,
    flags: str = "{}",
    steered: str = "",
    zeros: bool = False,
) -> Image:
    """Repaint the surroundings of the mask's white part, and paste the result back; see `sample`.

    One step, since the class pastes into the picture that it was given; what the mask keeps is untouched.

    Raises:
        InvalidValue: the mask is black, so there is nothing to cut out.
    """
    if mask.pil().getbbox() is None:
        raise InvalidValue("the mask is black everywhere, and padding_mask_crop cuts out its white part")
    arguments = _arguments(settings)
    arguments |= {"image": image.pil(), "mask_image": mask.pil(), **steering(control, steered, arguments)}
    nets = roles(control)
    call = Call(pipeline, context, LatentSpace.of_json(space), scheduler, seed, json.loads(flags), True, nets)
    _require_fitting(positive, readout, guided=guided and negative is None and not zeros)
    told = _told(positive, positive_2), _below(positive, _told(negative, negative_2), positive_2, zeros)
    (painted,) = call.images(*told, **arguments)
    return Image.of(painted)


class Made(NamedTuple):
    """What a stage gives."""

    image: Image
    latents: Latents


@step(version=1, deterministic=False)
def missing(*, name: str, fix: str) -> Made:
    """Stands for a stage whose checkpoint is not on this machine.

    Raises:
        FileProblem: always.
    """
    raise FileProblem(f"the checkpoint {name} is not on this machine; {fix}")


def _arguments(settings: str) -> dict[str, Any]:
    """Arguments of the call; sizes are tuples, since lists fail in some classes."""
    found = json.loads(settings)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _require_fitting(positive: Conditioning, readout: str, *, guided: bool) -> None:
    """Refuse a conditioning of another family, and one without a negative where one is needed."""
    if positive.readout and readout and positive.readout not in (readout, *readout.split()):
        why = f"it is read as {positive.readout}, and this checkpoint reads {readout}"
        raise InvalidValue(f"the conditioning is of another family: {why}")
    if guided and positive.negative_prompt_embeds is None:
        raise InvalidValue("guidance_scale is above 1, and the conditioning has no negative embeddings")


def _told(first: Any, second: Conditioning | None) -> Any:
    """What both encoders make of a text, side by side; the pooled output is the last one's."""
    if first is None or second is None:
        return first
    import torch

    embeds = torch.concat([first.prompt_embeds, second.prompt_embeds], dim=-1)
    return Conditioning(embeds, pooled_prompt_embeds=second.pooled_prompt_embeds, readout=second.readout)


def _below(
    positive: Conditioning, negative: Conditioning | None, second: Conditioning | None, zeros: bool
) -> Conditioning | None:
    """The negative text: its own encoding, zeros, or what came along with the positive one."""
    if negative is not None:
        return negative
    if zeros:
        import torch

        told = _told(positive, second)
        return Conditioning(
            torch.zeros_like(told.prompt_embeds), pooled_prompt_embeds=torch.zeros_like(told.pooled_prompt_embeds)
        )
    if positive.negative_prompt_embeds is None:
        return None
    return Conditioning(positive.negative_prompt_embeds, pooled_prompt_embeds=positive.negative_pooled_prompt_embeds)
