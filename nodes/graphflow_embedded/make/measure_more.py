"""Figures of ControlNets, of styles, and of the depth estimator."""

from __future__ import annotations

import numpy as np
import torch

from graphflow_embedded.make import judge, pipes, store, words
from graphflow_embedded.make.asked import Asked, questions, right
from graphflow_embedded.make.control import control_picture, edges
from graphflow_embedded.make.denoise import read_only
from graphflow_embedded.make.figures import Figure, at_least, show
from graphflow_embedded.make.stats import mean_text, share


def overlap(outlines: np.ndarray, asked_for: list[Asked]) -> np.ndarray:
    """Intersection over union of read outlines (N, 32, 32) with the drawn shapes, (N,)."""
    drawn = np.stack([each.picture.shapes for each in asked_for]).reshape(-1, 32, 4, 32, 4).mean((2, 4)) > 127
    return (outlines & drawn).sum((1, 2)) / np.maximum((outlines | drawn).sum((1, 2)), 1)


def controlnet(kind: str, count: int = 200) -> list[Figure]:
    """Canny or depth: whether generated shapes match the control's positions, with and without the control."""
    asked_for = questions(count, offset=400_000)
    prompts, seeds = [each.short for each in asked_for], [each.seed for each in asked_for]
    sources = [edges(q.picture.pixels) if kind == "canny" else q.picture.depth for q in asked_for]
    controls = control_picture("canny", torch.from_numpy(np.stack(sources)))
    net = read_only(store.load(f"controlnet-{kind}"))
    pipe = pipes.pipeline("StableDiffusionControlNetPipeline", controlnet=net)
    pixels = pipes.paint(pipe, prompts, seeds, image=list(controls))
    free = pipes.paint(pipes.pipeline("StableDiffusionPipeline"), prompts, seeds)
    answers, outlines = judge.look(pixels)
    held, loose = overlap(outlines, asked_for), overlap(judge.look(free)[1], asked_for)
    grey = np.repeat(np.stack(sources[:16])[..., None], 3, 3)
    show(pipes.sheet(np.concatenate([grey, pixels[:16], free[:16]]), 16), f"controlnet-{kind}")
    return [
        at_least("overlap with the control at least 0.7", share(held >= 0.7), 80),
        Figure("mean overlap", mean_text(held)),
        Figure("mean overlap without the ControlNet", mean_text(loose), "< 0.4", bool(loose.mean() < 0.4)),
        Figure("shape", share(right(answers, asked_for, "shape")).text()),
        Figure("colour", share(right(answers, asked_for, "colour")).text()),
    ]


def styles(count: int = 200) -> list[Figure]:
    """Drawings into each style by img2img at strength 0.6, and a chain of three checkpoints in latents."""
    found = []
    for name in ("pixel", "sketch"):
        asked_for = questions(count, offset=500_000, style=name)
        plain = np.stack([each.picture.pixels for each in asked_for])
        prompts, seeds = [each.short for each in asked_for], [each.seed for each in asked_for]
        pipe = pipes.pipeline("StableDiffusionImg2ImgPipeline", f"unet-sd-{name}")
        pixels = pipes.paint(pipe, prompts, seeds, image=pipes.pictures(plain), strength=0.6)
        answers, _ = judge.look(pixels)
        styled = answers["style"] == words.STYLES.index(name)
        found.append(at_least(f"{name}: style after strength 0.6", share(styled), 90))
        found.append(at_least(f"{name}: shape kept", share(right(answers, asked_for, "shape")), 80))
        free = pipes.paint(pipes.pipeline("StableDiffusionPipeline", f"unet-sd-{name}"), prompts[:16], seeds[:16])
        show(pipes.sheet(np.concatenate([plain[:16], pixels[:16], free]), 16), f"sd-{name}")
    return [*found, _chain(count)]


def _chain(count: int) -> Figure:
    asked_for = questions(count, offset=600_000)
    latents: object = pipes.pictures(np.stack([each.picture.pixels for each in asked_for]))
    pixels = np.zeros(0)
    for number, (name, unet) in enumerate((("plain", "sd"), ("sketch", "sd-sketch"), ("pixel", "sd-pixel"))):
        prefix = words.STYLE_PREFIXES[name][0] if name != "plain" else ""
        pipe = pipes.pipeline("StableDiffusionImg2ImgPipeline", f"unet-{unet}")
        given = {"image": latents, "strength": 0.6, "output_type": "pil" if number == 2 else "latent"}
        prompts, seeds = [prefix + each.short for each in asked_for], [each.seed + number for each in asked_for]
        pixels = pipes.paint(pipe, prompts, seeds, **given)
        latents = list(torch.from_numpy(pixels))
    answers, _ = judge.look(pixels)
    return at_least("chain of sd, sketch, pixel in latents: shape kept", share(right(answers, asked_for, "shape")), 70)


@torch.no_grad()
def depth(count: int = 200) -> list[Figure]:
    """The depth estimator on held-out drawings."""
    asked_for = questions(count, offset=700_000)
    net = read_only(store.load("depth"))
    x = torch.from_numpy(np.stack([each.picture.pixels for each in asked_for])).permute(0, 3, 1, 2).float() / 127.5 - 1
    guess = torch.cat([net(part).predicted_depth for part in x.split(20)]).numpy()
    drawn = np.stack([each.picture.depth for each in asked_for]) / 255
    grids = [np.repeat((np.clip(part[:16], 0, 1) * 255).astype(np.uint8)[..., None], 3, 3) for part in (drawn, guess)]
    show(pipes.sheet(np.concatenate([np.stack([q.picture.pixels for q in asked_for[:16]]), *grids]), 16), "depth")
    error = np.abs(guess - drawn).mean((1, 2))
    related = np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(guess, drawn, strict=True)])
    return [
        Figure("mean absolute error, nearness 0 to 1", mean_text(error)),
        Figure("correlation with the true nearness", mean_text(related)),
    ]
