"""refiner: polish a picture with SDXL, or finish what another SDXL stage left noisy."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Gt, Lt, Planned, SameSize, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image, Mask
from graphflow_nodes.families import usual
from graphflow_nodes.planning.stage import Stage
from graphflow_nodes.planning.stage_params import (
    ClipSkip,
    Corner,
    Eta,
    Guidance,
    NegativePrompt,
    Painted,
    Prompt,
    Rescale,
    Scheduler,
    Score,
    Seed,
    Sides,
    Steps,
    Strength,
)


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    masked = "mask" in facts
    stage = Stage("refiner+mask" if masked else "refiner", facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    stage.check_channels(mask=masked)
    image, start = facts["image"], params["denoising_start"]
    if image.word == "latents":
        stage.check_latents(image, "image")
        if masked and stage.channels != 4:
            why = f"the UNet of {stage.checkpoint.name} has {stage.channels} channels and reads the picture's pixels"
            stage.refuse("image cannot take {sender}", why, "use the sender's .image", "image", "latents-to-picture")
    else:
        stage.check_size(image.width, image.height, ("image", "image"))
        if not masked or stage.channels == 4:
            stage.advise_latents(image)
    if start is None:
        stage.check_strength()
    else:
        _check_ensemble(stage, image, masked=masked)
    texts = stage.texts()
    ports = {"image": "image", "mask": "mask"} if masked else {"image": "image"}
    sample = stage.sampling(texts, ports, () if image.word == "latents" else ("vae",))
    return stage.planned([*texts[0], sample], image.width, image.height)


def _check_ensemble(stage: Stage, image: Facts, *, masked: bool) -> None:
    """What holds where a refiner takes over in the middle of denoising."""
    stage.check_resuming("denoising_start")
    if image.word == "image":
        why = "a picture has no noise left to take away"
        stage.refuse(
            "denoising_start needs noisy latents",
            why,
            "use the sender's .latents, or strength instead",
            "denoising_start",
            "latent-noise",
        )
    if masked:
        why = "what the mask keeps would stay noisy"
        stage.refuse("denoising_start does not go with a mask", why, "leave one of them out", "mask")
    if stage.params.get("strength") is not None:
        why = "denoising_start says where it begins"
        stage.refuse("strength has no meaning here", why, "leave strength out", "strength")


@node(version=1, environment="torch", plan=_plan, usual=usual("refiner", "refiner+mask", "with a mask"))
def refiner(
    image: Annotated[Image | Latents, Doc("What to refine; with denoising_start the noisy latents of another stage.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    mask: Annotated[
        Mask | None, SameSize("image"), Doc("White = refine, black = keep; everything where it is not given.")
    ] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("An SDXL refiner, or another SDXL model.")],
    strength: Strength = None,
    denoising_start: Annotated[
        float | None, Gt(0), Lt(1), Doc("Go on where a stage with this denoising_end stopped; strength doesn't count.")
    ] = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    guidance_rescale: Rescale = None,
    eta: Eta = None,
    original_size: Sides = None,
    crops_coords_top_left: Corner = None,
    target_size: Sides = None,
    negative_original_size: Sides = None,
    negative_crops_coords_top_left: Corner = None,
    negative_target_size: Sides = None,
    aesthetic_score: Score = None,
    negative_aesthetic_score: Score = None,
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Add detail with SDXL's refiner, to a whole picture, to the white part of a mask, or to noisy latents.

    Base and refiner as an ensemble of experts: a stage with `denoising_end` leaves noisy latents, and this one goes
    on from there with the same `denoising_start`, the same number of steps and the same sampler; together they give,
    bit for bit, what one model would give in all steps where sampler and generator allow it. Equal, byte for byte,
    to diffusers' SDXL image-to-image or inpainting pipeline with the same components, parameters and CPU generator,
    without watermark.
    """
    raise AssertionError("a stage runs as its steps")
