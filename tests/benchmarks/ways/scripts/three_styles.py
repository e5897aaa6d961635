"""img2img with three checkpoints of Stable Diffusion in turn, which have one text encoder and one VAE."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoPipelineForImage2Image, StableDiffusionImg2ImgPipeline, UNet2DConditionModel

from tests.benchmarks.ways.scripts.decode import decode
from tests.benchmarks.ways.scripts.given import Given, main

INPUTS = ("first", "second", "third")


def guide(given: Given) -> None:
    """Each stage by its own `from_pretrained` in the variable `pipeline`; latents are handed over here too."""
    _each_by_its_own(given, most=1)


def kept(given: Given) -> None:
    """As `guide`, but each pipeline is in a variable of its own, so that all three stay in memory."""
    _each_by_its_own(given, most=3)


def _each_by_its_own(given: Given, most: int) -> None:
    image: Any = given.picture()
    pipelines: list[Any] = []
    for name, prompt in zip(INPUTS, given.values["prompts"], strict=True):
        pipeline = given.ready(
            AutoPipelineForImage2Image.from_pretrained(given.checkpoints[name], safety_checker=None, **given.load)
        )
        pipelines = [*pipelines, pipeline][-most:]  # the name is bound again only after the next one is loaded
        last = {} if name == INPUTS[-1] else {"output_type": "latent"}
        image = pipeline(prompt, image=image, strength=given.values["strength"], **last, **given.call()).images
    given.save(image[0])


def best(given: Given) -> None:
    """All texts first, then one UNet at a time beside the VAE, which decodes alone."""
    first = given.checkpoints["first"]
    texts = given.ready(
        StableDiffusionImg2ImgPipeline.from_pretrained(first, unet=None, vae=None, safety_checker=None, **given.load)
    )
    with torch.no_grad():
        encoded = [texts.encode_prompt(prompt, given.device, 1, True) for prompt in given.values["prompts"]]
    scheduler = texts.scheduler
    del texts
    gc.collect()
    vae = AutoencoderKL.from_pretrained(first, subfolder="vae", **given.load).to(given.device)
    image: Any = given.picture()
    for name, told in zip(INPUTS, encoded, strict=True):
        image = _repainted(given, name, vae, type(scheduler).from_config(scheduler.config), told, image)
        gc.collect()
    given.save(decode(vae, image))


def _repainted(given: Given, name: str, vae: Any, scheduler: Any, encoded: Any, image: Any) -> torch.Tensor:
    pipe = StableDiffusionImg2ImgPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=UNet2DConditionModel.from_pretrained(given.checkpoints[name], subfolder="unet", **given.load),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    texts = dict(zip(("prompt_embeds", "negative_prompt_embeds"), encoded, strict=True))
    more = {"image": image, "strength": given.values["strength"], "output_type": "latent"}
    return given.ready(pipe)(**texts, **given.call(**more)).images


if __name__ == "__main__":
    main(guide, kept, best)
