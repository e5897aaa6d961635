"""One call of diffusers each, loaded by `from_pretrained`: pictures as uint8 arrays (H, W, 3), latents as tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import diffusers
import numpy as np
import torch
from diffusers import (
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

Output: TypeAlias = Literal["pil", "latent"]
Result: TypeAlias = "np.ndarray | torch.Tensor"
Scheduler: TypeAlias = "str | tuple[str, dict[str, Any]] | None"


def text2img(
    folder: Path,
    prompt: str,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    clip_skip: int | None = None,
    output_type: Output = "pil",
    **load: Any,
) -> Result:
    """`load` goes to `from_pretrained`: variant, dtype."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, **load)
    prepare(pipe, scheduler)
    result = pipe(
        **_prompts(pipe, prompt, negative_prompt, clip_skip),
        height=height,
        width=width,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    ).images
    return unwrap(result)


def img2img(
    folder: Path,
    prompt: str,
    image: Image.Image | torch.Tensor,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    strength: float = 0.8,
    scheduler: Scheduler = None,
    clip_skip: int | None = None,
    output_type: Output = "pil",
    **load: Any,
) -> Result:
    """`image`: a picture, or latents (1, 4, h, w) as `output_type="latent"` gives them. The class has no size."""
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(folder, safety_checker=None, **load)
    prepare(pipe, scheduler)
    result = pipe(
        **_prompts(pipe, prompt, negative_prompt, clip_skip),
        image=image,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    ).images
    return unwrap(result)


def inpaint(
    folder: Path,
    prompt: str,
    image: Image.Image | torch.Tensor,
    mask: Image.Image,
    negative_prompt: str | None = None,
    *,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    strength: float = 1.0,
    padding_mask_crop: int | None = None,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    clip_skip: int | None = None,
    output_type: Output = "pil",
    **load: Any,
) -> Result:
    """With a UNet of 4 or 9 channels; latents as `image` only with 4, where `masked_image_latents` is not read."""
    pipe = StableDiffusionInpaintPipeline.from_pretrained(folder, safety_checker=None, **load)
    prepare(pipe, scheduler)
    result = pipe(
        **_prompts(pipe, prompt, negative_prompt, clip_skip),
        image=image,
        mask_image=mask,
        masked_image_latents=image if isinstance(image, torch.Tensor) else None,
        height=height,
        width=width,
        padding_mask_crop=padding_mask_crop,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    ).images
    return unwrap(result)


def chain(
    folder: Path,
    prompts: tuple[str, str, str],
    mask: Image.Image,
    *,
    seed: int = 0,
    steps: int = 2,
    strength: float = 0.8,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
) -> Result:
    """text2img → inpaint → img2img in latents, each stage by its own `from_pretrained` and its own generator."""
    text = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    prepare(text)
    latents = text(
        prompts[0],
        height=height,
        width=width,
        num_inference_steps=steps,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
    ).images
    fill = StableDiffusionInpaintPipeline.from_pretrained(folder, safety_checker=None)
    prepare(fill)
    latents = fill(
        prompts[1],
        image=latents,
        mask_image=mask,
        masked_image_latents=latents,
        height=height,
        width=width,
        strength=strength,
        num_inference_steps=steps,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
    ).images
    polish = StableDiffusionImg2ImgPipeline.from_pretrained(folder, safety_checker=None)
    prepare(polish)
    result = polish(
        prompts[2],
        image=latents,
        strength=strength,
        num_inference_steps=steps,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    ).images
    return unwrap(result)


def embed(pipe: Any, text: str, clip_skip: int | None = None) -> torch.Tensor:
    """(1, 77, C): a text encoded by hand as `encode_prompt` does it; `clip_skip` leaves out that many last layers."""
    ids = pipe.tokenizer(
        text, padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        encoded = pipe.text_encoder(ids, output_hidden_states=True)
        if clip_skip is None:
            return encoded.last_hidden_state
        return pipe.text_encoder.final_layer_norm(encoded.hidden_states[-(clip_skip + 1)])


def _prompts(pipe: Any, prompt: str, negative_prompt: str | None, clip_skip: int | None) -> dict[str, Any]:
    """The texts themselves, but for `clip_skip`: with it the pipelines' own encoding fails."""
    if clip_skip is None:
        return {"prompt": prompt, "negative_prompt": negative_prompt}
    return {
        "prompt_embeds": embed(pipe, prompt, clip_skip),
        "negative_prompt_embeds": embed(pipe, negative_prompt or ""),
    }


def prepare(pipe: DiffusionPipeline, scheduler: Scheduler = None) -> None:
    pipe.set_progress_bar_config(disable=True)
    if scheduler is not None:
        name, options = scheduler if isinstance(scheduler, tuple) else (scheduler, {})
        pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config, **options)


def unwrap(images: list[Image.Image] | torch.Tensor) -> Result:
    return images if isinstance(images, torch.Tensor) else np.asarray(images[0])
