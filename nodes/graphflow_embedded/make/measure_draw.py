"""Figures of text-to-image, of the effects of params, of the judge and the autoencoder, and the time per picture."""

from __future__ import annotations

import time

import numpy as np
import torch

from graphflow_embedded.make import judge, labelled, photographs, pipes, store, words
from graphflow_embedded.make.asked import Asked, questions, right
from graphflow_embedded.make.data import SIZE
from graphflow_embedded.make.denoise import read_only
from graphflow_embedded.make.figures import Figure, at_least, show
from graphflow_embedded.make.latents import tokenise
from graphflow_embedded.make.stats import mean_text, psnr, share
from graphflow_embedded.make.vae import round_trip


def judged(count: int = 1000) -> list[Figure]:
    """The judge on plain drawings of held-out combinations, and on generated pictures labelled by eye."""
    asked_for = questions(count, offset=100_000)
    answers, _ = judge.look(np.stack([each.picture.pixels for each in asked_for]))
    limits = {"shape": 98, "colour": 99, "background": 99}
    return (
        [
            at_least(f"{label} on held-out drawings", share(right(answers, asked_for, label)), limit)
            for label, limit in limits.items()
        ]
        + [
            Figure(f"{label} on held-out drawings", share(right(answers, asked_for, label)).text())
            for label in ("size", "position", "pattern")
        ]
        + labelled.figures()
    )


def text2img(count: int = 500) -> list[Figure]:
    """Held-out prompts against what the judge reads off the pictures."""
    asked_for = questions(count)
    pixels = pipes.paint(pipes.pipeline("StableDiffusionPipeline"), *_prompts(asked_for))
    answers, _ = judge.look(pixels)
    show(pipes.sheet(pixels[:40]), "text2img")
    limits = {"shape": 90, "colour": 95, "background": 95, "position": 85}
    found = [at_least(label, share(right(answers, asked_for, label)), limit) for label, limit in limits.items()]
    return [*found, Figure("size", share(right(answers, asked_for, "size")).text())]


def _prompts(asked_for: list[Asked]) -> tuple[list[str], list[int]]:
    return [each.prompt for each in asked_for], [each.seed for each in asked_for]


def autoencoder(count: int = 200) -> list[Figure]:
    """Round trips of held-out drawings and of photographs."""
    vae = read_only(store.load("vae"))
    drawn = [each.picture.pixels for each in questions(count)]
    values = np.array([psnr(a, b) for a, b in zip(drawn, round_trip(vae, np.stack(drawn)), strict=True)])
    photos = np.stack([photographs.square(name, SIZE) for name in photographs.NAMES])
    again = round_trip(vae, photos)
    show(pipes.sheet(np.concatenate([photos, again])), "vae-photographs")
    real = np.array([psnr(a, b) for a, b in zip(photos, again, strict=True)])
    return [
        Figure("round trip, drawn pictures", mean_text(values, " dB"), "≥ 30 dB", bool(values.mean() >= 30)),
        Figure("round trip, 8 photographs at 128 px", mean_text(real, " dB"), "≥ 24 dB", bool(real.mean() >= 24)),
    ]


def params(count: int = 200) -> list[Figure]:
    """The effects of strength, guidance, negative prompts and weights, compared with diffusers' guides."""
    return [*_strength(count // 4), *_guidance(count), *_negative(count), *_weight(count)]


def _strength(count: int) -> list[Figure]:
    asked_for = questions(count)
    pipe = pipes.pipeline("StableDiffusionImg2ImgPipeline")
    start = np.stack([each.picture.pixels for each in asked_for])
    others = [each.short for each in questions(count, offset=7)]
    seeds = [each.seed for each in asked_for]
    means = []
    for strength in (0.2, 0.4, 0.6, 0.8, 1.0):
        pixels = pipes.paint(pipe, others, seeds, image=pipes.pictures(start), strength=strength)
        means.append(np.abs(pixels.astype(float) - start).mean() / 255)
    text = ", ".join(f"{value:.3f}" for value in means)
    return [Figure("distance at strength 0.2, 0.4, 0.6, 0.8, 1.0", text, "rising", bool(np.all(np.diff(means) > 0)))]


def _guidance(count: int) -> list[Figure]:
    asked_for = questions(count)
    pipe = pipes.pipeline("StableDiffusionPipeline")
    shares = []
    for guidance in (1.0, 7.5):
        pixels = pipes.paint(pipe, *_prompts(asked_for), guidance_scale=guidance)
        answers, _ = judge.look(pixels)
        shares.append(share(np.all([right(answers, asked_for, name) for name in ("shape", "colour", "position")], 0)))
    text = f"{shares[0].text()} to {shares[1].text()}"
    return [Figure("all right at guidance 1 to 7.5", text, "rising", shares[1].value > shares[0].value)]


def _rate(colour: str, pixels: np.ndarray) -> float:
    answers, _ = judge.look(pixels)
    return float(np.mean(answers["colour"] == list(words.COLOURS).index(colour)))


def _negative(count: int) -> list[Figure]:
    pipe, seeds = pipes.pipeline("StableDiffusionPipeline"), list(range(count))
    prompts = ["a large star, plain background"] * count
    free = pipes.paint(pipe, prompts, seeds)
    colour = list(words.COLOURS)[int(np.bincount(judge.look(free)[0]["colour"]).argmax())]
    without = pipes.paint(pipe, prompts, seeds, negative_prompt=[colour] * count)
    before, after = _rate(colour, free), _rate(colour, without)
    text = f"{100 * before:.1f} % to {100 * after:.1f} %"
    return [Figure(f"{colour} stars, with negative prompt {colour!r}", text, "falling", after < before)]


def _weight(count: int) -> list[Figure]:
    pipe, seeds = pipes.pipeline("StableDiffusionPipeline"), list(range(count))
    rates = []
    for weight in (1.0, 1.5):
        embeds = weighted(pipe, "a large red and blue star, plain background", "blue", weight).repeat(count, 1, 1)
        empty = weighted(pipe, "", "", 1.0).repeat(count, 1, 1)
        pixels = pipes.paint(pipe, [""] * count, seeds, prompt_embeds=list(embeds), negative_prompt_embeds=list(empty))
        rates.append(_rate("blue", pixels))
    text = f"{100 * rates[0]:.1f} % to {100 * rates[1]:.1f} %"
    return [Figure("blue stars, 'red and blue' with weight 1 to 1.5 on blue", text, "rising", rates[1] > rates[0])]


@torch.no_grad()
def weighted(pipe: object, prompt: str, word: str, weight: float) -> torch.Tensor:
    """Embeddings (1, 40, 128) of `prompt` with one word moved away from the empty prompt, as compel does."""
    tokens, empty = tokenise(pipe.tokenizer, [prompt]), tokenise(pipe.tokenizer, [""])
    full, base = pipe.text_encoder(tokens)[0], pipe.text_encoder(empty)[0]
    inside = tokenise(pipe.tokenizer, [word])[0, 1] if word else -1
    factor = torch.where(tokens == inside, weight, 1.0)[..., None]
    return base + (full - base) * factor


def speed(repeats: int = 5) -> list[Figure]:
    """One picture of 20 steps with everything loaded."""
    pipe = pipes.pipeline("StableDiffusionPipeline")
    times = []
    for seed in range(repeats + 1):
        began = time.perf_counter()
        pipes.paint(pipe, ["a large red heart, plain background"], [seed])
        times.append(time.perf_counter() - began)
    middle = float(np.median(times[1:]))
    text = f"{middle:.2f} s (median of {repeats}, {torch.get_num_threads()} threads)"
    return [Figure("text2img, 20 steps, loaded", text, "≤ 3 s", middle <= 3)]
