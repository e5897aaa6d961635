"""The steps between pictures and latents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.latent_space import LatentSpace
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image, Mask
from graphflow_nodes.steps.broken_numbers import watched
from graphflow_nodes.steps.pipeline import precision


@step(version=1)
def encode(image: Image, context: Context, *, space: str, seed: int, rule: str = "sd") -> Latents:
    """Encode a picture: a draw from the VAE's posterior where it has one, scaled.

    Args:
        rule: `sd`, or `xl`: in float32 where the VAE's config asks for it, and with its mean and deviation.

    Source: prepare_latents of the image-to-image pipelines; `preprocess` decides the memory format, and that the bits.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    vae, latent_space = context.borrow("vae"), LatentSpace.of_json(space)
    pixels = VaeImageProcessor(vae_scale_factor=latent_space.factor).preprocess(image.pil())
    own = precision(vae)
    with torch.no_grad(), _in_float32(vae, when=rule == "xl" and vae.config.force_upcast):
        encoded = vae.encode(pixels.to(next(vae.parameters())))
        # AutoencoderTiny has no posterior to draw from.
        found = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.sample(context.generator(seed))
        drawn = found.to(own)
    mean, std = _mean_and_std(vae, drawn) if rule == "xl" else (None, None)
    if mean is None:
        return Latents(vae.config.scaling_factor * drawn, latent_space)
    return Latents((drawn - mean) * vae.config.scaling_factor / std, latent_space)


@step(version=1)
def decode(latents: Latents, context: Context, *, rule: str = "sd") -> Image:
    """Decode latents into a picture, as the class does it that made them.

    Args:
        rule: `sd`, or `xl`: in float32 where the VAE is in float16 and its config asks for it, and with its mean and
            deviation. `xl_control` is `xl` without mean and deviation, as SDXL's inpainting with ControlNets has it.

    Source: the end of the calls of StableDiffusionPipeline, StableDiffusionXLPipeline and
    StableDiffusionXLControlNetInpaintPipeline.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    vae = context.borrow("vae")
    upcast = rule != "sd" and precision(vae) == torch.float16 and vae.config.force_upcast
    processor = VaeImageProcessor(vae_scale_factor=latents.space.factor)
    with torch.no_grad(), _in_float32(vae, when=upcast), watched(vae, context):
        given = latents.tensor.to(next(vae.parameters()))
        mean, std = _mean_and_std(vae, given) if rule == "xl" else (None, None)
        given = given / vae.config.scaling_factor if mean is None else given * std / vae.config.scaling_factor + mean
        picture = vae.decode(given, return_dict=False)[0]
        return Image.of(processor.postprocess(picture, output_type="pil", do_denormalize=[True])[0])


@step(version=1)
def decode_around(latents: Latents, image: Image, mask: Mask, context: Context) -> Image:
    """Decode latents into a picture, with what the mask keeps of the picture as a guide to the decoder.

    Source: the end of the call of StableDiffusionInpaintPipeline where the VAE is an AsymmetricAutoencoderKL.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    vae = context.borrow("vae")
    processor = VaeImageProcessor(vae_scale_factor=latents.space.factor)
    hard = VaeImageProcessor(
        vae_scale_factor=latents.space.factor, do_normalize=False, do_binarize=True, do_convert_grayscale=True
    )
    size = {"height": image.height, "width": image.width}
    own = next(vae.parameters())
    guide = {"image": processor.preprocess(image.pil(), **size), "mask": hard.preprocess(mask.pil(), **size)}
    with torch.no_grad(), watched(vae, context):
        given = latents.tensor.to(own) / vae.config.scaling_factor
        picture = vae.decode(given, return_dict=False, **{name: value.to(own) for name, value in guide.items()})[0]
        return Image.of(processor.postprocess(picture, output_type="pil", do_denormalize=[True])[0])


@contextlib.contextmanager
def _in_float32(vae: Any, *, when: bool) -> Iterator[None]:
    """The VAE in float32 meanwhile; what others borrow is put back as it was, bit for bit."""
    import torch

    own = precision(vae)
    if not when or own == torch.float32:
        yield
        return
    vae.to(dtype=torch.float32)
    try:
        yield
    finally:
        vae.to(dtype=own)


def _mean_and_std(vae: Any, like: Any) -> tuple[Any, Any]:
    """Mean and deviation of each latent channel, (1, C, 1, 1); None twice where the VAE has none."""
    import torch

    mean, std = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is None or std is None:
        return None, None
    shape = (1, len(mean), 1, 1)
    return tuple(torch.tensor(one).view(shape).to(like.device, like.dtype) for one in (mean, std))
