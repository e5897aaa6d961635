"""text2img → inpaint → img2img on one checkpoint of Stable Diffusion."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    PNDMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)

from tests.benchmarks.ways.scripts.decode import decode
from tests.benchmarks.ways.scripts.given import Given, main


def guide(given: Given) -> None:
    """Each stage by its own `from_pretrained` in the variable `pipeline`; pictures are handed over."""
    folder, prompts = given.checkpoints["checkpoint"], given.values["prompts"]
    strength = given.values["strength"]
    pipeline = given.ready(AutoPipelineForText2Image.from_pretrained(folder, safety_checker=None, **given.load))
    image = pipeline(prompts[0], **given.size, **given.call()).images[0]
    pipeline = given.ready(AutoPipelineForInpainting.from_pretrained(folder, safety_checker=None, **given.load))
    image = pipeline(
        prompts[1], image=image, mask_image=given.picture("mask"), strength=strength, **given.size, **given.call()
    ).images[0]
    pipeline = given.ready(AutoPipelineForImage2Image.from_pretrained(folder, safety_checker=None, **given.load))
    given.save(pipeline(prompts[2], image=image, strength=strength, **given.call()).images[0])


def kept(given: Given) -> None:
    """As `guide`, but each pipeline is in a variable of its own, so that all three stay in memory."""
    folder, prompts = given.checkpoints["checkpoint"], given.values["prompts"]
    strength, load = given.values["strength"], {"safety_checker": None, **given.load}
    text2img = given.ready(AutoPipelineForText2Image.from_pretrained(folder, **load))
    image = text2img(prompts[0], **given.size, **given.call()).images[0]
    inpaint = given.ready(AutoPipelineForInpainting.from_pretrained(folder, **load))
    pictures = {"image": image, "mask_image": given.picture("mask")}
    image = inpaint(prompts[1], **pictures, strength=strength, **given.size, **given.call()).images[0]
    img2img = given.ready(AutoPipelineForImage2Image.from_pretrained(folder, **load))
    given.save(img2img(prompts[2], image=image, strength=strength, **given.call()).images[0])


def best(given: Given) -> None:
    """One set of components, and latents; the text encoder leaves before the UNet comes, the UNet before decoding."""
    folder = given.checkpoints["checkpoint"]
    texts = given.ready(
        StableDiffusionPipeline.from_pretrained(folder, unet=None, vae=None, safety_checker=None, **given.load)
    )
    with torch.no_grad():
        encoded = [texts.encode_prompt(prompt, given.device, 1, True) for prompt in given.values["prompts"]]
    del texts
    gc.collect()
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load).to(given.device)
    latents = _painted(given, vae, encoded)
    gc.collect()
    given.save(decode(vae, latents))


def _painted(given: Given, vae: Any, encoded: list[Any]) -> torch.Tensor:
    folder, strength = given.checkpoints["checkpoint"], given.values["strength"]
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load).to(given.device)
    scheduler = PNDMScheduler.from_pretrained(folder, subfolder="scheduler")
    rest = dict.fromkeys(("text_encoder", "tokenizer", "safety_checker", "feature_extractor"))

    def call(kind: Any, number: int, **more: Any) -> torch.Tensor:
        own = PNDMScheduler.from_config(scheduler.config)
        pipe = kind(**rest, unet=unet, vae=vae, scheduler=own, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        positive, negative = encoded[number]
        texts = {"prompt_embeds": positive, "negative_prompt_embeds": negative}
        return pipe(**texts, output_type="latent", **given.call(**more)).images

    latents = call(StableDiffusionPipeline, 0, **given.size)
    latents = call(
        StableDiffusionInpaintPipeline,
        1,
        image=latents,
        masked_image_latents=latents,
        mask_image=given.picture("mask"),
        strength=strength,
        **given.size,
    )
    return call(StableDiffusionImg2ImgPipeline, 2, image=latents, strength=strength)


if __name__ == "__main__":
    main(guide, kept, best)
