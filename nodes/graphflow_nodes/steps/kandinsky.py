"""The steps of Kandinsky's decoder: sampling under an image embedding, and MoVQ, whose latents are not scaled."""

from __future__ import annotations

from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.latent_space import LatentSpace
from graphflow.values.raster import Image, Mask
from graphflow.values.sampling import Sampling
from graphflow.values.tensor_values import ImageEmbedding, Latents
from graphflow_nodes.steps.broken_numbers import watched
from graphflow_nodes.steps.pipeline import call


@step(version=1)
def sample_embedded(
    embedding: ImageEmbedding,
    context: Context,
    image: Image | None = None,
    mask: Mask | None = None,
    *,
    sampling: Sampling,
) -> Latents:
    """Sample latents under an image embedding, from noise or from a picture, or in the white part of a mask.

    Args:
        embedding: if it has the state of a generator, sampling continues from it.
        mask: white = repaint; grey is hardened at one half.
        sampling: how.
    """
    arguments = dict(sampling.settings)
    denoiser = context.borrow(sampling.denoiser)
    for name, tensor in embedding.tensors.items():
        # The class itself does this only with guidance.
        arguments[name] = tensor.to(denoiser.device, next(denoiser.parameters()).dtype)
    if image is not None:
        arguments |= {"image": image.pil(), "height": image.height, "width": image.width}
    if mask is not None:
        arguments["mask_image"] = mask.pil()
    elif image is not None:
        # KandinskyV22Img2ImgPipeline mixes up height and width.
        arguments |= {"height": image.width, "width": image.height}
    generator = context.generator(sampling.seed)
    if embedding.generator is not None:
        generator.set_state(embedding.generator)
    return Latents(call(sampling, context, generator=generator, output_type="latent", **arguments), sampling.space)


@step(version=1)
def encode_movq(image: Image, context: Context, *, space: LatentSpace, seed: int) -> Latents:
    """Encode a picture; nothing is drawn, so the seed has no effect.

    Source: the call of KandinskyV22Img2ImgPipeline.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    movq = context.borrow("vae")
    pixels = VaeImageProcessor(vae_scale_factor=space.factor).preprocess(image.pil())
    with torch.no_grad():
        return Latents(movq.encode(pixels.to(next(movq.parameters())))["latents"], space)


@step(version=1)
def decode_movq(latents: Latents, context: Context) -> Image:
    """Decode latents into a picture, without replacing them by the nearest entries of MoVQ's codebook.

    Source: the end of the call of KandinskyV22Pipeline.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    movq: Any = context.borrow("vae")
    with torch.no_grad(), watched(movq, context):
        given = latents.tensor.to(next(movq.parameters()))
        picture = movq.decode(given, force_not_quantize=True)["sample"]
        return Image.of(VaeImageProcessor().postprocess(picture, output_type="pil", do_denormalize=[True])[0])
