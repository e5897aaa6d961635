"""The upscalers: ×2 in latent space, and ×4 beside the picture.

Seen with diffusers 0.42.1: the latent upscaler takes latents (4 channels) as well as a picture, and at guidance 0 reads
an empty text instead of the prompt, but not instead of embeddings. The other reads pictures alone. Its constructor
writes 0.08333 into the config of the VAE that it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionLatentUpscalePipeline, StableDiffusionUpscalePipeline
from PIL import Image

from tests.plain.scripts import Result, Scheduler, prepare, unwrap


def upscale(
    folder: Path, prompt: str, image: Image.Image | torch.Tensor, *, seed: int = 0, steps: int = 2, **call: Any
) -> Result:
    return _called(StableDiffusionLatentUpscalePipeline, folder, prompt, image, seed, steps, call)


def super_resolution(
    folder: Path, prompt: str, image: Image.Image, *, seed: int = 0, steps: int = 2, **call: Any
) -> Result:
    return _called(StableDiffusionUpscalePipeline, folder, prompt, image, seed, steps, call)


def _called(class_: Any, folder: Path, prompt: str, image: Any, seed: int, steps: int, call: dict[str, Any]) -> Result:
    scheduler: Scheduler = call.pop("scheduler", None)
    pipe = class_.from_pretrained(folder, dtype=call.pop("dtype", torch.float32))
    prepare(pipe, scheduler)
    generator = torch.Generator("cpu").manual_seed(seed)
    return unwrap(pipe(prompt, image=image, num_inference_steps=steps, generator=generator, **call).images)
