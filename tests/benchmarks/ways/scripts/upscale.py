"""img2img with Stable Diffusion, the latent upscaler (×2), super resolution (×4)."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoPipelineForImage2Image,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionLatentUpscalePipeline,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from PIL import Image

from tests.benchmarks.ways.scripts.given import Given, main

TEXTS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
GUIDANCE = 9.0
"""Both upscalers' default."""


def guide(given: Given) -> None:
    """Each stage by its own `from_pretrained` in a variable of its own; latents into the first upscaler."""
    prompt, folders = given.values["prompt"], given.checkpoints
    pipeline = given.ready(
        AutoPipelineForImage2Image.from_pretrained(folders["checkpoint"], safety_checker=None, **given.load)
    )
    repaint = given.call(image=given.picture(), strength=given.values["strength"])
    latents = pipeline(prompt, **repaint, output_type="latent").images
    upscaler = given.ready(StableDiffusionLatentUpscalePipeline.from_pretrained(folders["upscaler"], **given.load))
    doubled = upscaler(prompt, image=latents, **_call(given)).images[0]
    given.save(doubled, "doubled")
    super_res = given.ready(StableDiffusionUpscalePipeline.from_pretrained(folders["super_resolution"], **given.load))
    given.save(super_res(prompt, image=doubled, **_call(given)).images[0])


def best(given: Given) -> None:
    """The text encoder and VAE of the first two are loaded once; encoders leave before UNets come."""
    doubled = _doubled(given)
    gc.collect()
    given.save(doubled, "doubled")
    folder = given.checkpoints["super_resolution"]
    pipe = given.ready(StableDiffusionUpscalePipeline.from_pretrained(folder, unet=None, vae=None, **given.load))
    with torch.no_grad():
        told = pipe.encode_prompt(given.values["prompt"], given.device, 1, True)
    schedulers = {"scheduler": pipe.scheduler, "low_res_scheduler": pipe.low_res_scheduler}
    del pipe
    gc.collect()
    pipe = StableDiffusionUpscalePipeline(
        **_models(given, folder), **schedulers, text_encoder=None, tokenizer=None, max_noise_level=350
    )
    texts = dict(zip(TEXTS[:2], told, strict=True))
    given.save(given.ready(pipe)(**texts, image=doubled, **_call(given)).images[0])


def _doubled(given: Given) -> Image.Image:
    first, second = given.checkpoints["checkpoint"], given.checkpoints["upscaler"]
    prompt = given.values["prompt"]
    texts = given.ready(
        StableDiffusionImg2ImgPipeline.from_pretrained(first, unet=None, vae=None, safety_checker=None, **given.load)
    )
    shared = {"text_encoder": texts.text_encoder, "tokenizer": texts.tokenizer}
    upscaler = StableDiffusionLatentUpscalePipeline.from_pretrained(second, unet=None, vae=None, **shared, **given.load)
    with torch.no_grad():
        told = texts.encode_prompt(prompt, given.device, 1, True)
        told_upscaler = upscaler.encode_prompt(prompt, given.device, True)
    schedulers = texts.scheduler, upscaler.scheduler
    del texts, upscaler, shared
    gc.collect()
    vae = AutoencoderKL.from_pretrained(first, subfolder="vae", **given.load)
    latents = _repainted(given, vae, schedulers[0], dict(zip(TEXTS[:2], told, strict=True)))
    gc.collect()
    pipe = StableDiffusionLatentUpscalePipeline(
        **_models(given, second, vae), scheduler=schedulers[1], text_encoder=None, tokenizer=None
    )
    texts_of_both = dict(zip(TEXTS, told_upscaler, strict=True))
    return given.ready(pipe)(**texts_of_both, image=latents, **_call(given)).images[0]


def _repainted(given: Given, vae: Any, scheduler: Any, texts: dict[str, torch.Tensor]) -> torch.Tensor:
    pipe = StableDiffusionImg2ImgPipeline(
        **_models(given, given.checkpoints["checkpoint"], vae),
        scheduler=scheduler,
        **dict.fromkeys(("text_encoder", "tokenizer", "safety_checker", "feature_extractor")),
        requires_safety_checker=False,
    )
    repaint = given.call(image=given.picture(), strength=given.values["strength"])
    return given.ready(pipe)(**texts, **repaint, output_type="latent").images


def _models(given: Given, folder: str, vae: Any = None) -> dict[str, Any]:
    return {
        "unet": UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load),
        "vae": vae or AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load),
    }


def _call(given: Given) -> dict[str, Any]:
    return given.call(num_inference_steps=given.values["upscale_steps"], guidance_scale=GUIDANCE)


if __name__ == "__main__":
    main(guide, best)
