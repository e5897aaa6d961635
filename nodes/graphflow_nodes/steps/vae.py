"""The steps that convert between pictures and latents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.latent_space import LatentSpace
from graphflow.values.raster import Image, Mask
from graphflow.values.tensor_values import Latents
from graphflow_nodes.steps.broken_numbers import watched
from graphflow_nodes.steps.pipeline import precision


@step(version=2)
def encode(image: Image, context: Context, *, space: LatentSpace, seed: int) -> Latents:
    """Encode a picture: a sample from the VAE's posterior, if it has one, times the scaling factor.

    Source: prepare_latents of StableDiffusionImg2ImgPipeline.
    """
    vae = context.borrow("vae")
    return Latents(space.scaling_factor * _drawn(vae, image, context, space, seed), space)


@step(version=2)
def encode_normalised(image: Image, context: Context, *, space: LatentSpace, seed: int) -> Latents:
    """Encode a picture like `encode`, in float32 if the VAE's config requires it, and with its mean and deviation.

    Source: prepare_latents of StableDiffusionXLImg2ImgPipeline.
    """
    vae = context.borrow("vae")
    with _in_float32(vae, when=vae.config.force_upcast):
        drawn = _drawn(vae, image, context, space, seed)
    drawn = drawn.to(precision(vae))
    mean, std = _mean_and_std(vae, drawn)
    if mean is None:
        return Latents(vae.config.scaling_factor * drawn, space)
    return Latents((drawn - mean) * vae.config.scaling_factor / std, space)


def _drawn(vae: Any, image: Image, context: Context, space: LatentSpace, seed: int) -> Any:
    """A sample from the posterior of a picture's latents, unscaled.

    `preprocess` of diffusers sets the memory format, on which the bits depend.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    pixels = VaeImageProcessor(vae_scale_factor=space.factor).preprocess(image.pil())
    with torch.no_grad():
        encoded = vae.encode(pixels.to(next(vae.parameters())))
        # AutoencoderTiny has no posterior.
        return encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.sample(context.generator(seed))


def decode_together(latents: list[Latents], context: Context) -> list[Image]:
    """Decode several latents of one size in one call: see `decode`."""
    return _decoded(context.borrow("vae"), latents, context, upcast=False, normalised=False)


@step(version=2, batched=decode_together)
def decode(latents: Latents, context: Context) -> Image:
    """Decode latents into a picture.

    Source: the end of the call of StableDiffusionPipeline.
    """
    (picture,) = _decoded(context.borrow("vae"), [latents], context, upcast=False, normalised=False)
    return picture


def decode_normalised_together(latents: list[Latents], context: Context) -> list[Image]:
    """Decode several latents of one size in one call: see `decode_normalised`."""
    return _decoded(context.borrow("vae"), latents, context, upcast=True, normalised=True)


@step(version=2, batched=decode_normalised_together)
def decode_normalised(latents: Latents, context: Context) -> Image:
    """Decode latents into a picture, with the VAE's mean and deviation.

    In float32 if the VAE is in float16 and its config requires it. Source: the end of the call of
    StableDiffusionXLPipeline.
    """
    (picture,) = _decoded(context.borrow("vae"), [latents], context, upcast=True, normalised=True)
    return picture


def decode_upcast_together(latents: list[Latents], context: Context) -> list[Image]:
    """Decode several latents of one size in one call: see `decode_upcast`."""
    return _decoded(context.borrow("vae"), latents, context, upcast=True, normalised=False)


@step(version=2, batched=decode_upcast_together)
def decode_upcast(latents: Latents, context: Context) -> Image:
    """Decode latents into a picture, without the VAE's mean and deviation.

    In float32 like `decode_normalised`. Source: the end of the call of StableDiffusionXLControlNetInpaintPipeline.
    """
    (picture,) = _decoded(context.borrow("vae"), [latents], context, upcast=True, normalised=False)
    return picture


def _decoded(vae: Any, latents: Sequence[Latents], context: Context, *, upcast: bool, normalised: bool) -> list[Image]:
    """The pictures of latents of one size, in one call of the VAE."""
    import torch
    from diffusers.image_processor import VaeImageProcessor

    processor = VaeImageProcessor(vae_scale_factor=latents[0].space.factor)
    upcast = upcast and precision(vae) == torch.float16 and vae.config.force_upcast
    with torch.no_grad(), _in_float32(vae, when=upcast), watched(vae, context):
        tensors = [one.tensor for one in latents]
        # A single tensor is passed as it is: joining could change its memory format, and so bits of the result.
        given: Any = (tensors[0] if len(tensors) == 1 else torch.cat(tensors)).to(next(vae.parameters()))
        mean, std = _mean_and_std(vae, given) if normalised else (None, None)
        scale = latents[0].space.scaling_factor
        given = given / scale if mean is None else given * std / scale + mean
        decoded = vae.decode(given, return_dict=False)[0]
        pictures = processor.postprocess(decoded, output_type="pil", do_denormalize=[True] * len(latents))
        return [Image.of(picture) for picture in pictures]


@step(version=1)
def decode_around(latents: Latents, image: Image, mask: Mask, context: Context) -> Image:
    """Decode latents into a picture; the decoder also uses the part of the picture that the mask keeps.

    Source: the end of the call of StableDiffusionInpaintPipeline with an AsymmetricAutoencoderKL.
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
    """Inside the block, the VAE is in float32; afterwards its weights are restored bit for bit."""
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
    """Mean and deviation of each latent channel, (1, C, 1, 1); None twice if the VAE has none."""
    import torch

    mean, std = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is None or std is None:
        return None, None
    shape = (1, len(mean), 1, 1)
    found_mean, found_std = (torch.tensor(one).view(shape).to(like.device, like.dtype) for one in (mean, std))
    return found_mean, found_std
