"""Figures of inpainting: the shape asked for in the mask, what happens outside and at the seam, and photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from graphflow_embedded.make import judge, masks, photographs, pipes, store
from graphflow_embedded.make.asked import Asked, questions, right
from graphflow_embedded.make.control import control_picture
from graphflow_embedded.make.data import SIZE
from graphflow_embedded.make.denoise import read_only
from graphflow_embedded.make.figures import Figure, at_least, mean_gap, show
from graphflow_embedded.make.stats import mean_text, psnr, share
from graphflow_embedded.make.vae import round_trip


@dataclass(frozen=True)
class Tasks:
    """Other pictures with a mask over their shape, and what is asked for in it."""

    asked: list[Asked]
    """What to paint; its own picture isn't used."""
    pixels: np.ndarray
    """(N, 128, 128, 3) uint8."""
    gaps: np.ndarray
    """(N, 128, 128) bool."""
    prompts: list[str]


def tasks(count: int) -> Tasks:
    """Masks around the shape of one held-out picture, prompts with the shape and colour of another."""
    asked_for, others = questions(count, offset=200_000), questions(count, offset=300_013)
    gaps = []
    for other in others:
        rng = np.random.default_rng([other.seed, 4])
        gaps.append(masks.around(other.scene.items[0], rng, SIZE))
    prompts = [f"a {each.scene.items[0].colour} {each.scene.items[0].shape}, plain background" for each in asked_for]
    return Tasks(asked_for, np.stack([other.picture.pixels for other in others]), np.stack(gaps), prompts)


def fill(given: Tasks, unet: str) -> np.ndarray:
    """The results of the inpainting pipeline for the tasks."""
    pipe = pipes.pipeline("StableDiffusionInpaintPipeline", unet)
    return pipes.paint(
        pipe,
        given.prompts,
        [each.seed for each in given.asked],
        image=pipes.pictures(given.pixels),
        mask_image=pipes.pictures(given.gaps.astype(np.uint8) * 255),
        height=SIZE,
        width=SIZE,
        strength=1.0,
    )


def inpaint(count: int = 500) -> list[Figure]:
    """The 9-channel denoiser and, for comparison, the 4-channel one."""
    given = tasks(count)
    nine, four = fill(given, "unet-sd-inpaint"), fill(given, "unet-sd")
    again = round_trip(read_only(store.load("vae")), given.pixels)
    show(pipes.sheet(np.concatenate([_greyed(given)[:16], nine[:16], four[:16]]), 16), "inpaint")
    rim = ~given.gaps.all((1, 2))
    outside = [
        np.array([psnr(a, b, ~m) for a, b, m in zip(given.pixels[rim], x[rim], given.gaps[rim], strict=True)])
        for x in (nine, again)
    ]
    kept = float((outside[0] - outside[1]).mean())
    seams = [
        np.array([seam(x, m) for x, m in zip(side, given.gaps, strict=True)]) for side in (nine, four, given.pixels)
    ]
    return [
        at_least("shape and colour in the mask, 9 channels", share(both(nine, given)), 85),
        at_least("shape and colour in the mask, 4 channels", share(both(four, given)), 65),
        Figure("PSNR outside, against the round trip's, in dB", mean_gap(*outside), "≥ -1", kept >= -1),
        Figure(
            "jump across the mask's edge, 9 and 4 channels, and the original",
            ", ".join(mean_text(value) for value in seams),
            "4 worse than 9",
            bool(seams[1].mean() > seams[0].mean()),
        ),
    ]


def both(pixels: np.ndarray, given: Tasks) -> np.ndarray:
    """Whether shape and colour are as asked, (N,) bool."""
    answers, _ = judge.look(pixels)
    return right(answers, given.asked, "shape") & right(answers, given.asked, "colour")


def _greyed(given: Tasks) -> np.ndarray:
    return np.where(given.gaps[..., None], np.uint8(128), given.pixels)


def seam(pixels: np.ndarray, gap: np.ndarray) -> float:
    """Mean absolute difference of neighbouring pixels of which one is in the mask, 0 to 255."""
    grey = pixels.astype(float).mean(-1)
    jumps = [np.abs(np.diff(grey, axis=axis))[np.diff(gap, axis=axis)] for axis in (0, 1)]
    return float(np.concatenate(jumps).mean()) if gap.any() and not gap.all() else 0.0


def controlnet_inpaint(count: int = 200) -> list[Figure]:
    """The inpainting ControlNet on the 4-channel denoiser, through the plain text-to-image loop of its pipeline."""
    given = tasks(count)
    pipe = pipes.pipeline(
        "StableDiffusionControlNetInpaintPipeline", controlnet=read_only(store.load("controlnet-inpaint"))
    )
    gaps = given.gaps.astype(np.uint8) * 255
    control = control_picture("inpaint", torch.from_numpy(given.pixels), torch.from_numpy(gaps))
    pixels = pipes.paint(
        pipe,
        given.prompts,
        [each.seed for each in given.asked],
        image=pipes.pictures(given.pixels),
        mask_image=pipes.pictures(gaps),
        control_image=list(control),
        height=SIZE,
        width=SIZE,
        strength=1.0,
    )
    show(pipes.sheet(np.concatenate([_greyed(given)[:16], pixels[:16]]), 16), "controlnet-inpaint")
    jumps = np.array([seam(x, m) for x, m in zip(pixels, given.gaps, strict=True)])
    return [
        Figure("shape and colour in the mask", share(both(pixels, given)).text()),
        Figure("jump across the mask's edge", mean_text(jumps)),
    ]


PHOTO_PROMPTS = (
    ("a large red heart, plain background", "ellipse"),
    ("a large yellow star", "box"),
    ("a blue circle", "ellipse"),
    ("a large pink ring, plain background", "box"),
    ("a large green cross", "ellipse"),
    ("a large orange triangle, plain background", "box"),
    ("a purple diamond", "ellipse"),
    ("a large white square", "box"),
)


def photos(side: int = 512) -> list[Figure]:
    """A shape painted into each photograph with `padding_mask_crop`; inspected by eye, and judged on the crop."""
    pipe, rows, hits = pipes.pipeline("StableDiffusionInpaintPipeline", "unet-sd-inpaint"), [], []
    for number, (name, (prompt, kind)) in enumerate(zip(photographs.NAMES, PHOTO_PROMPTS, strict=True)):
        photo = photographs.square(name, side)
        mask = Image.new("L", (side, side))
        corner = (side // 8 + 40 * (number % 4), side // 4)
        frame = (*corner, corner[0] + 200, corner[1] + 200)
        (ImageDraw.Draw(mask).ellipse if kind == "ellipse" else ImageDraw.Draw(mask).rectangle)(frame, fill=255)
        image = Image.fromarray(photo)
        given = {"image": image, "mask_image": mask, "padding_mask_crop": 32, "height": SIZE, "width": SIZE}
        painted = pipes.paint(pipe, [prompt], [number], strength=1.0, **given)[0]
        rows.append(np.concatenate([photo, painted], 1))
        crop = Image.fromarray(painted).crop((frame[0] - 32, frame[1] - 32, frame[2] + 32, frame[3] + 32))
        hits.append(_seen(np.asarray(crop.resize((SIZE, SIZE))), prompt))
    small = [np.asarray(Image.fromarray(row).resize((side, side // 2), Image.Resampling.LANCZOS)) for row in rows]
    show(pipes.sheet(np.stack(small), 2), "photographs")
    return [Figure("shape and colour in the mask of 8 photographs, by the judge", f"{sum(hits)} of {len(hits)}")]


def _seen(pixels: np.ndarray, prompt: str) -> bool:
    read = judge.in_words(pixels)
    return read["shape"] in prompt and read["colour"] in prompt
