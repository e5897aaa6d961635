"""The steps of stages, shared by all of them: encode a text, sample latents, decode latents.

Each gives the bytes that the plain diffusers call gives; pipelines are put together from borrowed components by
`Class(**components)`, with a scheduler of their own, and never change what they borrow.
"""

from __future__ import annotations

import copy
import functools
import json
import warnings
from dataclasses import dataclass
from typing import Any

from graphflow.errors import InvalidValue
from graphflow.execute.loader import quiet
from graphflow.latent_space import LatentSpace
from graphflow.marker import Context, step
from graphflow.tensor_values import Conditioning, Latents
from graphflow.values import Image, Mask


@step(version=1)
def encode_text(
    text: str, context: Context, *, readout: str = "sd", encoder: str = "", clip_skip: int | None = None
) -> Conditioning:
    """Encode one text: the last hidden state after the final norm, (1, tokens, width).

    Args:
        clip_skip: layers to skip from the end; the norm still follows. Computed here, since the plain call fails
            with today's transformers.

    Source: StableDiffusionPipeline.encode_prompt.
    """
    import torch

    tokenizer, model = context.borrow("tokenizer"), context.borrow("text_encoder")
    tokens = tokenizer(
        text, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    ids, device = tokens.input_ids.to(model.device), model.device
    mask = tokens.attention_mask.to(device) if getattr(model.config, "use_attention_mask", False) else None
    with torch.no_grad():
        if clip_skip is None:
            embeds = model(ids, attention_mask=mask)[0]
        else:
            hidden = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
            inner = getattr(model, "text_model", model)
            embeds = inner.final_layer_norm(hidden[-(clip_skip + 1)])
    return Conditioning(embeds, readout=readout, encoder=encoder)


@step(version=1)
def sample_text2img(
    positive: Conditioning,
    context: Context,
    negative: Conditioning | None = None,
    *,
    space: str,
    scheduler: str,
    seed: int,
    width: int,
    height: int,
    num_inference_steps: int,
    guidance_scale: float,
    guidance_rescale: float,
    eta: float,
) -> Latents:
    """Sample latents of `width` × `height` pixels from noise that `seed` decides."""
    call = _Call("StableDiffusionPipeline", context, LatentSpace.of_json(space), scheduler, seed)
    return call.latents(
        positive,
        negative,
        height=height,
        width=width,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        guidance_rescale=guidance_rescale,
        eta=eta,
    )


@step(version=1)
def sample_img2img(
    positive: Conditioning,
    image: Image | Latents,
    context: Context,
    negative: Conditioning | None = None,
    *,
    space: str,
    scheduler: str,
    seed: int,
    num_inference_steps: int,
    guidance_scale: float,
    strength: float,
    eta: float,
) -> Latents:
    """Noise a picture or latents by `strength` and sample from there.

    A picture is encoded here and not in a step of its own, because its encoding draws from the stage's generator.
    """
    picture = isinstance(image, Image)
    call = _Call("StableDiffusionImg2ImgPipeline", context, LatentSpace.of_json(space), scheduler, seed, vae=picture)
    return call.latents(
        positive,
        negative,
        image=image.pil() if isinstance(image, Image) else image.tensor,
        strength=strength,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        eta=eta,
    )


@step(version=1)
def sample_inpaint(
    positive: Conditioning,
    image: Image | Latents,
    mask: Mask,
    context: Context,
    negative: Conditioning | None = None,
    *,
    space: str,
    scheduler: str,
    seed: int,
    num_inference_steps: int,
    guidance_scale: float,
    strength: float,
    eta: float,
) -> Latents:
    """Repaint the white part of a mask, in a picture or in latents; grey is hardened at one half.

    Latents go in beside themselves as `masked_image_latents`: the class refuses them otherwise, and with a UNet of
    4 channels it never reads those. What the mask keeps of them comes back unchanged.
    """
    given = image.pil() if isinstance(image, Image) else image.tensor
    beside = {} if isinstance(image, Image) else {"masked_image_latents": given}
    call = _Call("StableDiffusionInpaintPipeline", context, LatentSpace.of_json(space), scheduler, seed, vae=True)
    return call.latents(
        positive,
        negative,
        image=given,
        **beside,
        mask_image=mask.pil(),
        height=image.height,
        width=image.width,
        strength=strength,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        eta=eta,
    )


@step(version=1)
def paint_crop(
    positive: Conditioning,
    image: Image,
    mask: Mask,
    context: Context,
    negative: Conditioning | None = None,
    *,
    space: str,
    scheduler: str,
    seed: int,
    width: int,
    height: int,
    padding_mask_crop: int,
    num_inference_steps: int,
    guidance_scale: float,
    strength: float,
    eta: float,
) -> Image:
    """Repaint the surroundings of the mask's white part at `width` × `height`, and paste the result back.

    One step, since the class pastes into the picture that it was given; what the mask keeps is untouched.

    Raises:
        InvalidValue: the mask is black, so there is nothing to cut out.
    """
    if mask.pil().getbbox() is None:
        raise InvalidValue("the mask is black everywhere, and padding_mask_crop cuts out its white part")
    call = _Call("StableDiffusionInpaintPipeline", context, LatentSpace.of_json(space), scheduler, seed, vae=True)
    (painted,) = call.images(
        positive,
        negative,
        image=image.pil(),
        mask_image=mask.pil(),
        height=height,
        width=width,
        padding_mask_crop=padding_mask_crop,
        strength=strength,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        eta=eta,
    )
    return Image.of(painted)


@step(version=1)
def encode(image: Image, context: Context, *, space: str, seed: int) -> Latents:
    """Encode a picture: a draw from the VAE's posterior, times its scaling factor.

    Source: StableDiffusionImg2ImgPipeline.prepare_latents; `preprocess` decides the memory format, and that the bits.
    """
    import torch
    from diffusers.image_processor import VaeImageProcessor

    vae, latent_space = context.borrow("vae"), LatentSpace.of_json(space)
    pixels = VaeImageProcessor(vae_scale_factor=latent_space.factor).preprocess(image.pil())
    pixels = pixels.to(device=vae.device, dtype=vae.dtype)
    with torch.no_grad():
        drawn = vae.encode(pixels).latent_dist.sample(context.generator(seed))
        return Latents(vae.config.scaling_factor * drawn, latent_space)


@step(version=1)
def decode(latents: Latents, context: Context) -> Image:
    """Decode latents into a picture, as the Stable Diffusion classes do."""
    import torch
    from diffusers.image_processor import VaeImageProcessor

    vae = context.borrow("vae")
    with torch.no_grad():
        given = latents.tensor.to(device=vae.device, dtype=vae.dtype)
        picture = vae.decode(given / vae.config.scaling_factor, return_dict=False)[0]
    processor = VaeImageProcessor(vae_scale_factor=latents.space.factor)
    return Image.of(processor.postprocess(picture, output_type="pil", do_denormalize=[True])[0])


@dataclass(frozen=True)
class _Call:
    """One call of a diffusers class, put together from borrowed components.

    Attributes:
        class_name: the diffusers class.
        space: of the latents that come out.
        scheduler: see `_set_scheduler`, as JSON.
        vae: whether the class encodes something, or reads a setting off the VAE.
    """

    class_name: str
    context: Context
    space: LatentSpace
    scheduler: str
    seed: int
    vae: bool = False

    def latents(self, positive: Conditioning, negative: Conditioning | None, **arguments: Any) -> Latents:
        """What the call gives without its last decode."""
        return Latents(self.images(positive, negative, output_type="latent", **arguments), self.space)

    def images(self, positive: Conditioning, negative: Conditioning | None, **arguments: Any) -> Any:
        """What the call gives as its `images`."""
        below = negative.prompt_embeds if negative is not None else positive.negative_prompt_embeds
        return self._pipeline()(
            prompt_embeds=positive.prompt_embeds,
            negative_prompt_embeds=below,
            generator=self.context.generator(self.seed),
            callback_on_step_end=self._progress,
            **arguments,
        ).images

    def _pipeline(self) -> Any:
        """The pipeline with a scheduler of its own; what the call does not need is None."""
        import diffusers

        class_ = vars(diffusers).get(self.class_name)
        if class_ is None:
            # The first time it is imported, with notes on optional packages.
            with quiet():
                class_ = getattr(diffusers, self.class_name)
        described = json.loads(self.scheduler)
        parts = dict.fromkeys(("text_encoder", "tokenizer", "safety_checker", "feature_extractor"))
        parts |= {"unet": self.context.borrow("unet"), "vae": self.context.borrow("vae") if self.vae else None}
        own = copy.deepcopy(_scheduler(described["own"], json.dumps(described["config"])))
        with warnings.catch_warnings():
            # The constructors' notes on outdated settings of a checkpoint are for its author.
            warnings.simplefilter("ignore", FutureWarning)
            pipe = class_(**parts, scheduler=own, requires_safety_checker=False)
        _set_scheduler(pipe, described)
        if pipe.vae is None:
            # The constructor reads the factor off the VAE, which sampling from latents or noise does not need.
            pipe.vae_scale_factor = self.space.factor
            pipe.image_processor.register_to_config(vae_scale_factor=self.space.factor)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _progress(self, pipe: Any, index: int, _: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        self.context.progress(index + 1, pipe.num_timesteps)
        return kwargs


@functools.lru_cache(maxsize=64)
def _scheduler(class_name: str, config: str) -> Any:
    """A scheduler that nobody uses but to copy it, which takes a fraction of making one."""
    import diffusers

    return getattr(diffusers, class_name).from_config(json.loads(config))


def _set_scheduler(pipe: Any, described: dict[str, Any]) -> None:
    """Give the pipeline the sampler that was asked for, made from the checkpoint's config as the class left it.

    Constructors rewrite settings of the scheduler they get (steps_offset, clip_sample), and not the same ones in
    every class; a script that assigns `X.from_config(pipe.scheduler.config)` starts from the rewritten ones.
    """
    import diffusers

    if described["class"] is not None:
        class_ = getattr(diffusers, described["class"])
        pipe.scheduler = class_.from_config(pipe.scheduler.config, **described["changes"])
