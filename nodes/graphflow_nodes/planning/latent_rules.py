"""Rules for latents: their latent space, and whether they must be noisy or clean."""

from __future__ import annotations

from collections.abc import Iterator

from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.latent_space import LatentSpace, Match
from graphflow_nodes.planning.request import Request


def space_faults(space: LatentSpace, name: str, facts: Facts, port: str) -> Iterator[Fault]:
    """Latents of another space than that of the checkpoint `name`; a warning if they are of a sibling's VAE."""
    theirs = facts.space
    if not isinstance(theirs, LatentSpace):
        return
    match = space.match(theirs)
    if match is Match.OTHER:
        why = f"{{sender}} belongs to {theirs}; {name} reads {space}"
        yield Fault(f"{port} cannot take {{sender}}", why, "use the sender's .image", port, "latent-space")
    elif match is Match.SIBLING:
        why = f"the VAE of {name} differs from theirs only in its weights"
        fix = "use the sender's .image if the picture looks wrong"
        yield Fault("{sender} belongs to a sibling VAE", why, fix, port, "latent-sibling")


def clean_faults(facts: Facts, port: str) -> Iterator[Fault]:
    """Noisy latents, which only a stage with `denoising_start` takes."""
    if isinstance(facts.space, LatentSpace) and facts.noise is not None:
        why = f"its denoising stopped at {facts.noise.fraction:g}"
        fix = f"read it with refiner and denoising_start: {facts.noise.fraction:g}"
        yield Fault(f"{{sender}} is noisy, but {port} takes clean latents", why, fix, port, "latent-noise")


def latents_faults(request: Request, facts: Facts, port: str) -> Iterator[Fault]:
    """Latents that a stage cannot start from."""
    yield from space_faults(request.space, request.checkpoint.name, facts, port)
    if not isinstance(facts.space, LatentSpace):
        return
    start = request.split("denoising_start")
    if start is None:
        yield from clean_faults(facts, port)
    elif facts.noise is None:
        why = "they come from a stage without denoising_end"
        fix = f"add denoising_end: {start:g} to the stage before, or remove denoising_start"
        yield Fault("denoising_start needs noisy latents", why, fix, "denoising_start", "latent-noise")
    else:
        yield from _resuming_faults(request, facts, start)


def _resuming_faults(request: Request, facts: Facts, start: float) -> Iterator[Fault]:
    """The first setting in which this stage differs from the one that returned the noisy latents."""
    theirs, mine = facts.noise, request.noise(start)
    if theirs is None or mine is None:
        return
    for what, about, other, own in (
        ("denoising_end", "denoising_start", f"{theirs.fraction:g}", f"{mine.fraction:g}"),
        ("num_inference_steps", "num_inference_steps", str(theirs.steps), str(mine.steps)),
        ("sampler", "scheduler", theirs.sampler, mine.sampler),
        ("settings of the sampler", "scheduler", theirs.config, mine.config),
    ):
        if other != own:
            shown = "" if other == theirs.config else f" {other}, but this stage has {own}"
            why = f"the stage before has {'other ' if not shown else ''}{what}{shown}"
            fix = f"use {about}: {other}" if about != "scheduler" else "name the same scheduler in both stages"
            yield Fault("denoising would not continue where it stopped", why, fix, about, "latent-noise")
            return


def latents_hints(request: Request) -> Iterator[Fault]:
    """A hint if the picture was decoded from the latent space into which it is encoded."""
    image = request.image
    if image.word != "image" or not isinstance(image.space, LatentSpace) or not request.spec.latents:
        return
    if request.space.match(image.space) is Match.SAME:
        why = "the picture was decoded from latents of this checkpoint's VAE and is encoded again"
        fix = "use the sender's .latents, which saves both"
        yield Fault("image could stay in latent space", why, fix, "image", "node-hint")


def pixels_needed(why: str) -> Fault:
    """Latents given to a stage that reads pixels."""
    return Fault("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
