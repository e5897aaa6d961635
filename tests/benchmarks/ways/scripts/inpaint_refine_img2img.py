"""Stable Diffusion's inpainting, SDXL's refiner on the masked part at another size, img2img with the same parts."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from tests.benchmarks.ways.scripts.decode import decode
from tests.benchmarks.ways.scripts.given import Given, main

TEXTS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")


def guide(given: Given) -> None:
    """Two `from_pretrained` in the variable `pipeline`; the last stage takes the second's parts, and its latents."""
    prompt, picture, mask = given.values["prompt"], given.picture(), given.picture("mask")
    load = {"safety_checker": None, **given.load}
    pipeline = given.ready(AutoPipelineForInpainting.from_pretrained(given.checkpoints["checkpoint"], **load))
    image = pipeline(prompt=prompt, image=picture, mask_image=mask, **given.size, **given.call()).images[0]
    given.save(image, "filled")
    load = {"add_watermarker": False, **given.load}
    pipeline = given.ready(AutoPipelineForInpainting.from_pretrained(given.checkpoints["refiner"], **load))
    latents = pipeline(prompt=prompt, **_large(given, image, mask), output_type="latent").images
    pipeline = given.ready(AutoPipelineForImage2Image.from_pipe(pipeline, add_watermarker=False))
    polish = given.call(strength=given.values["polish_strength"])
    given.save(pipeline(prompt=prompt, image=latents, **polish).images[0])


def best(given: Given) -> None:
    """The same hand-overs, but encoders leave before UNets come, and one encoding serves both stages of the refiner."""
    image = _filled(given)
    gc.collect()
    given.save(image, "filled")
    folder = given.checkpoints["refiner"]
    texts = given.ready(
        StableDiffusionXLImg2ImgPipeline.from_pretrained(
            folder, unet=None, vae=None, add_watermarker=False, **given.load
        )
    )
    with torch.no_grad():
        told = texts.encode_prompt(given.values["prompt"], device=given.device, do_classifier_free_guidance=True)
    del texts
    gc.collect()
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load).to(given.device)
    latents = _refined(given, vae, dict(zip(TEXTS, told, strict=True)), image)
    gc.collect()
    given.save(decode(vae, latents))


def _filled(given: Given) -> Image.Image:
    folder = given.checkpoints["checkpoint"]
    pipe = given.ready(
        StableDiffusionInpaintPipeline.from_pretrained(folder, unet=None, vae=None, safety_checker=None, **given.load)
    )
    with torch.no_grad():
        told = pipe.encode_prompt(given.values["prompt"], given.device, 1, True)
    scheduler = pipe.scheduler
    del pipe
    gc.collect()
    pipe = StableDiffusionInpaintPipeline(
        vae=AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load),
        text_encoder=None,
        tokenizer=None,
        unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pictures = {"image": given.picture(), "mask_image": given.picture("mask")}
    texts = dict(zip(TEXTS[:2], told, strict=True))
    return given.ready(pipe)(**texts, **pictures, **given.size, **given.call()).images[0]


def _refined(given: Given, vae: Any, texts: dict[str, torch.Tensor], image: Image.Image) -> torch.Tensor:
    folder = given.checkpoints["refiner"]
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load).to(given.device)
    scheduler = EulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    rest = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))

    def call(kind: Any, more: dict[str, Any]) -> torch.Tensor:
        own = EulerDiscreteScheduler.from_config(scheduler.config)
        flags = {"requires_aesthetics_score": True, "add_watermarker": False}
        pipe = kind(**rest, unet=unet, vae=vae, scheduler=own, **flags)
        pipe.set_progress_bar_config(disable=True)
        return pipe(**texts, **more, output_type="latent").images

    latents = call(StableDiffusionXLInpaintPipeline, _large(given, image, given.picture("mask")))
    polish = given.call(image=latents, strength=given.values["polish_strength"])
    return call(StableDiffusionXLImg2ImgPipeline, polish)


def _large(given: Given, image: Image.Image, mask: Image.Image) -> dict[str, Any]:
    """What the refiner is called with, but for the texts."""
    width, height = given.values["large_width"], given.values["large_height"]
    pictures = [one.resize((width, height), Image.Resampling.LANCZOS) for one in (image, mask)]
    return given.call(
        image=pictures[0], mask_image=pictures[1], width=width, height=height, strength=given.values["strength"]
    )


if __name__ == "__main__":
    main(guide, best)
