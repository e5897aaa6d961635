"""Stable Diffusion XL, base and refiner: one call of diffusers each, without watermark.

`**call` goes to the call: `guidance_rescale`, `clip_skip`, `denoising_start` and `denoising_end`; the sizes and crop
that the UNet is told (`original_size`, `crops_coords_top_left`, `target_size` and the same with `negative_`, tuples of
height and width); on the refiner, which has a score in place of the last, `aesthetic_score` and
`negative_aesthetic_score`. `load` goes to `from_pretrained`: variant, dtype. The refiner is img2img or inpaint on its
own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from tests.plain.scripts import Output, Result, Scheduler, prepare, unwrap


def xl_text2img(
    folder: Path,
    prompt: str,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 5.0,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False, **load or {})
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        height=height,
        width=width,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def xl_img2img(
    folder: Path,
    prompt: str,
    image: Image.Image | torch.Tensor,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 5.0,
    strength: float = 0.8,
    scheduler: Scheduler = None,
    output_type: Output = "pil",
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    """`image`: a picture, or latents (1, 4, h, w) as `output_type="latent"` gives them. The class has no size."""
    pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(folder, add_watermarker=False, **load or {})
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        image=image,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def xl_inpaint(
    folder: Path,
    prompt: str,
    image: Image.Image | torch.Tensor,
    mask: Image.Image,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    strength: float = 0.9999,
    padding_mask_crop: int | None = None,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    """With a UNet of 4 or 9 channels; latents as `image` only with 4, of `height`/8 by `width`/8."""
    pipe = StableDiffusionXLInpaintPipeline.from_pretrained(folder, add_watermarker=False, **load or {})
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        image=image,
        mask_image=mask,
        height=height,
        width=width,
        padding_mask_crop=padding_mask_crop,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def ensemble(
    base: Path,
    refiner: Path,
    prompt: str,
    negative_prompt: str | None = None,
    *,
    at: float = 0.8,
    seed: int = 0,
    steps: int = 10,
    guidance: float = 5.0,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
    load: Mapping[str, Any] | None = None,
) -> Result:
    """The base denoises as far as `at`, the refiner the rest: two experts, each with its own generator."""
    common = {"steps": steps, "guidance": guidance, "seed": seed, "scheduler": scheduler, "load": load}
    noisy = xl_text2img(
        base,
        prompt,
        negative_prompt,
        height=height,
        width=width,
        denoising_end=at,
        output_type="latent",
        **common,
    )
    return xl_img2img(refiner, prompt, noisy, negative_prompt, denoising_start=at, output_type=output_type, **common)
