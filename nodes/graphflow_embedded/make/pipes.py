"""Pipelines assembled from the components, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image

from graphflow_embedded.make import models, store, tokenizer
from graphflow_embedded.make.denoise import read_only

STEPS = 20
GUIDANCE = 5.0


def pipeline(kind: str, unet: str = "unet-sd", **more: object) -> Any:
    """A diffusers pipeline of class `kind` on the shared parts and component `unet`; `more` are further parts."""
    parts = {"vae": read_only(store.load("vae")), "text_encoder": read_only(store.load("text-encoder"))}
    pipe = getattr(diffusers, kind)(
        **parts,
        unet=read_only(store.load(unet)),
        tokenizer=tokenizer.load(store.components() / "tokenizer"),
        scheduler=models.noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **more,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@torch.no_grad()
def paint(pipe: Any, prompts: Sequence[str], seeds: Sequence[int], *, batch: int = 20, **given: Any) -> np.ndarray:
    """Pictures (N, 128, 128, 3) uint8, one per prompt and seed.

    A list in `given` has one entry per picture and is split into the batches; other values apply to all.
    """
    found = []
    for start in range(0, len(prompts), batch):
        part = slice(start, start + batch)
        cut = {name: _cut(value, part) for name, value in given.items()}
        generators = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        options = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, **cut}
        if "prompt_embeds" not in options:
            options["prompt"] = list(prompts[part])
        images = pipe(generator=generators, **options).images
        found += [np.asarray(image) for image in images]
    return np.stack(found)


def _cut(value: Any, part: slice) -> Any:
    """The batch's part of a list; tensors are stacked as the pipelines want them."""
    if not isinstance(value, list):
        return value
    cut = value[part]
    return torch.stack(cut) if isinstance(cut[0], torch.Tensor) else cut


def pictures(pixels: np.ndarray) -> list[Image.Image]:
    """Arrays (N, H, W[, 3]) uint8 as a list of PIL pictures."""
    return [Image.fromarray(each) for each in pixels]


def sheet(pixels: np.ndarray, columns: int = 8) -> Image.Image:
    """A grid of (N, H, W, 3) pictures."""
    rows = [np.concatenate(list(pixels[start : start + columns]), 1) for start in range(0, len(pixels), columns)]
    width = max(row.shape[1] for row in rows)
    return Image.fromarray(np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0))) for r in rows], 0))
