"""text2img → inpaint → img2img on one checkpoint of SDXL."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from tests.benchmarks.ways.scripts.decode import decode
from tests.benchmarks.ways.scripts.given import Given, main

TEXTS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")


def guide(given: Given) -> None:
    """Each stage by its own `from_pretrained` in the variable `pipeline`; pictures are handed over."""
    folder, prompts = given.checkpoints["checkpoint"], given.values["prompts"]
    strength, load = given.values["strength"], {"add_watermarker": False, **given.load}
    pipeline = given.ready(AutoPipelineForText2Image.from_pretrained(folder, **load))
    image = pipeline(prompts[0], **given.size, **given.call()).images[0]
    pipeline = given.ready(AutoPipelineForInpainting.from_pretrained(folder, **load))
    image = pipeline(
        prompts[1], image=image, mask_image=given.picture("mask"), strength=strength, **given.size, **given.call()
    ).images[0]
    pipeline = given.ready(AutoPipelineForImage2Image.from_pretrained(folder, **load))
    given.save(pipeline(prompts[2], image=image, strength=strength, **given.call()).images[0])


def best(given: Given) -> None:
    """One set of components, and latents; text encoders leave before the UNet comes, the UNet before decoding."""
    folder = given.checkpoints["checkpoint"]
    texts = given.ready(
        StableDiffusionXLPipeline.from_pretrained(folder, unet=None, vae=None, add_watermarker=False, **given.load)
    )
    with torch.no_grad():
        encoded = [texts.encode_prompt(prompt, device=given.device) for prompt in given.values["prompts"]]
    del texts
    gc.collect()
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load).to(given.device)
    latents = _painted(given, vae, encoded)
    gc.collect()
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        vae, latents = vae.float(), latents.float()
    given.save(decode(vae, latents))


def _painted(given: Given, vae: Any, encoded: list[Any]) -> torch.Tensor:
    folder = given.checkpoints["checkpoint"]
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load).to(given.device)
    scheduler = EulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    rest = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))

    def call(kind: Any, number: int, **more: Any) -> torch.Tensor:
        own = EulerDiscreteScheduler.from_config(scheduler.config)
        pipe = kind(**rest, unet=unet, vae=vae, scheduler=own, add_watermarker=False)
        pipe.set_progress_bar_config(disable=True)
        texts = dict(zip(TEXTS, encoded[number], strict=True))
        return pipe(**texts, output_type="latent", **given.call(**more)).images

    strength = given.values["strength"]
    latents = call(StableDiffusionXLPipeline, 0, **given.size)
    mask = given.picture("mask")
    latents = call(StableDiffusionXLInpaintPipeline, 1, image=latents, mask_image=mask, strength=strength, **given.size)
    return call(StableDiffusionXLImg2ImgPipeline, 2, image=latents, strength=strength)


if __name__ == "__main__":
    main(guide, best)
