"""Kandinsky 2.2: the combined pipelines, and prior and decoder one after the other.

Seen with diffusers 0.42.1: a negative prompt doubles the prior's batch, so it changes what is drawn, at any guidance.
`KandinskyV22Img2ImgPipeline` takes `height` and `width` for each other when it resizes, so a picture that is not a
square keeps its form only with both exchanged. No decoder takes latents as a picture, and none scales them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    KandinskyV22CombinedPipeline,
    KandinskyV22Img2ImgCombinedPipeline,
    KandinskyV22Img2ImgPipeline,
    KandinskyV22InpaintCombinedPipeline,
    KandinskyV22InpaintPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
)
from PIL import Image

from tests.plain.scripts import Result, unwrap


def kandinsky_text2img(
    folder: Path, prompt: str, *, seed: int = 0, height: int = 64, width: int = 64, **call: Any
) -> Result:
    return _combined(KandinskyV22CombinedPipeline, folder, prompt, seed, height=height, width=width, **call)


def kandinsky_img2img(folder: Path, prompt: str, image: Image.Image, *, seed: int = 0, **call: Any) -> Result:
    sides = {"height": image.width, "width": image.height}
    return _combined(KandinskyV22Img2ImgCombinedPipeline, folder, prompt, seed, image=image, **sides, **call)


def kandinsky_inpaint(
    folder: Path, prompt: str, image: Image.Image, mask: Image.Image, *, seed: int = 0, **call: Any
) -> Result:
    given = {"image": image, "mask_image": mask, "height": image.height, "width": image.width}
    return _combined(KandinskyV22InpaintCombinedPipeline, folder, prompt, seed, **given, **call)


def kandinsky_prior(
    folder: Path, prompt: str, negative_prompt: str | None = None, *, seed: int = 0, **call: Any
) -> Any:
    """`image_embeds` and `negative_image_embeds`, (1, width)."""
    pipe = _loaded(KandinskyV22PriorPipeline, folder)
    generator = torch.Generator("cpu").manual_seed(seed)
    return pipe(prompt, negative_prompt, generator=generator, return_dict=False, **call)


def kandinsky_mean(
    folder: Path, items: Sequence[str | Image.Image], weights: list[float], *, seed: int, **call: Any
) -> Any:
    """The same, of texts and pictures."""
    pipe = _loaded(KandinskyV22PriorPipeline, folder)
    made = pipe.interpolate(list(items), weights, generator=torch.Generator("cpu").manual_seed(seed), **call)
    return made.image_embeds, made.negative_image_embeds


def kandinsky_decoder(folder: Path, embeds: Any, *, seed: int = 0, **call: Any) -> Result:
    """`embeds`: as the prior gives them; with `image`, and with `mask_image`, it repaints."""
    class_ = KandinskyV22Pipeline
    if "mask_image" in call:
        class_ = KandinskyV22InpaintPipeline
    elif "image" in call:
        class_ = KandinskyV22Img2ImgPipeline
    pipe = _loaded(class_, folder)
    call = {"height": 64, "width": 64, **call}
    named = {"image_embeds": embeds[0], "negative_image_embeds": embeds[1]}
    return unwrap(pipe(**named, generator=torch.Generator("cpu").manual_seed(seed), **call).images)


def _combined(class_: Any, folder: Path, prompt: str, seed: int, **call: Any) -> Result:
    pipe = _loaded(class_, folder)
    with _no_note_on_callbacks():
        return unwrap(pipe(prompt, generator=torch.Generator("cpu").manual_seed(seed), **call).images)


def _loaded(class_: Any, folder: Path) -> Any:
    pipe = class_.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@contextmanager
def _no_note_on_callbacks() -> Iterator[None]:
    """The combined pipelines give their decoder an argument that it warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`callback_steps` is deprecated", FutureWarning)
        yield
