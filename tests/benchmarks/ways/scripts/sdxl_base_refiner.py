"""SDXL's base, then its refiner: an ensemble of experts in noisy latents."""

from __future__ import annotations

import gc
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from tests.benchmarks.ways.scripts.decode import decode
from tests.benchmarks.ways.scripts.given import Given, main

TEXTS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")


def guide(given: Given) -> None:
    """Both pipelines by `from_pretrained`; the refiner is given the base's VAE and second text encoder."""
    texts = {key: given.values[key] for key in ("prompt", "negative_prompt")}
    split, load = given.values["split"], {"add_watermarker": False, **given.load}
    base = given.ready(DiffusionPipeline.from_pretrained(given.checkpoints["base"], **load))
    shared = {"text_encoder_2": base.text_encoder_2, "vae": base.vae}
    refiner = given.ready(DiffusionPipeline.from_pretrained(given.checkpoints["refiner"], **shared, **load))
    latents = base(**texts, denoising_end=split, output_type="latent", **given.size, **given.call()).images
    given.save(refiner(**texts, denoising_start=split, image=latents, **given.call()).images[0])


def best(given: Given) -> None:
    """One encoding for both: the refiner reads the second encoder's half; one UNet at a time, then the VAE alone."""
    folder = given.checkpoints["base"]
    texts = given.ready(
        StableDiffusionXLPipeline.from_pretrained(folder, unet=None, vae=None, add_watermarker=False, **given.load)
    )
    with torch.no_grad():
        told = texts.encode_prompt(
            given.values["prompt"], device=given.device, negative_prompt=given.values["negative_prompt"]
        )
    width = texts.text_encoder_2.config.hidden_size
    del texts
    gc.collect()
    latents = _begun(given, dict(zip(TEXTS, told, strict=True)))
    gc.collect()
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **given.load).to(given.device)
    halves = [told[0][..., -width:], told[1][..., -width:], *told[2:]]
    latents = _ended(given, vae, dict(zip(TEXTS, halves, strict=True)), latents)
    gc.collect()
    given.save(decode(vae, latents))


def _begun(given: Given, texts: dict[str, torch.Tensor]) -> torch.Tensor:
    pipe = given.ready(StableDiffusionXLPipeline(**_parts(given, "base", None)))
    more = {"denoising_end": given.values["split"], "output_type": "latent"}
    return pipe(**texts, **more, **given.size, **given.call()).images


def _ended(given: Given, vae: Any, texts: dict[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
    pipe = StableDiffusionXLImg2ImgPipeline(**_parts(given, "refiner", vae), requires_aesthetics_score=True)
    more = {"denoising_start": given.values["split"], "output_type": "latent", "image": latents}
    return given.ready(pipe)(**texts, **more, **given.call()).images


def _parts(given: Given, name: str, vae: Any) -> dict[str, Any]:
    folder = given.checkpoints[name]
    return {
        **dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")),
        "vae": vae,
        "unet": UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **given.load),
        "scheduler": EulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler"),
        "add_watermarker": False,
    }


if __name__ == "__main__":
    main(guide, best)
