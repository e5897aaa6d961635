"""Weighted texts: compel's embeddings of a pipeline, given to its call in the place of the texts.

Without weights compel's embeddings equal those of `encode_prompt`, bit for bit. The pooled embedding is of the text as
it is written, cut at one window. A shorter text is continued by empty ones, windows of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from compel import CompelForSD, CompelForSDXL
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from tests.plain.scripts import Output, Result, prepare, unwrap


def weighted(
    folder: Path,
    prompt: str,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    size: int = 64,
    output_type: Output = "pil",
) -> Result:
    """Text to image with Stable Diffusion; without a negative text at a guidance of 1 or less."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    with torch.no_grad():
        encoded = CompelForSD(pipe)(prompt, negative_prompt)
    return _called(pipe, encoded, seed, steps, guidance, size, output_type)


def weighted_xl(
    folder: Path,
    prompt: str,
    negative_prompt: str | None = None,
    prompt_2: str | None = None,
    negative_prompt_2: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 5.0,
    size: int = 64,
    output_type: Output = "pil",
) -> Result:
    """The same with Stable Diffusion XL; without a negative text, with zeros."""
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    with torch.no_grad():
        encoded = CompelForSDXL(pipe)(
            prompt, style_prompt=prompt_2, negative_prompt=negative_prompt, negative_style_prompt=negative_prompt_2
        )
    pooled = {
        "pooled_prompt_embeds": encoded.pooled_embeds,
        "negative_pooled_prompt_embeds": encoded.negative_pooled_embeds,
    }
    return _called(pipe, encoded, seed, steps, guidance, size, output_type, **pooled)


def _called(
    pipe: Any, encoded: Any, seed: int, steps: int, guidance: float, size: int, output_type: Output, **pooled: Any
) -> Result:
    prepare(pipe)
    result = pipe(
        prompt_embeds=encoded.embeds,
        negative_prompt_embeds=encoded.negative_embeds,
        **pooled,
        height=size,
        width=size,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    ).images
    return unwrap(result)
