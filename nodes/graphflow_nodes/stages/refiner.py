"""refiner: polish a picture with SDXL, or finish noisy latents of another SDXL stage."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Gt, Lt, Planned, SameSize, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow.values.tensor_values import Latents
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import requested
from graphflow_nodes.planning.latent_rules import latents_faults, latents_hints, pixels_needed
from graphflow_nodes.planning.request import Request
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
from graphflow_nodes.planning.stage_rules import (
    request_size_faults,
    request_size_warnings,
    split_faults,
    stage_faults,
    strength_faults,
)
from graphflow_nodes.planning.stage_steps import answer, sample_step
from graphflow_nodes.planning.texts import texts_of


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    masked = "mask" in facts
    stage = "refiner+mask" if masked else "refiner"
    request = requested(stage, facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    image = facts["image"]
    faults = [*stage_faults(request)]
    if image.word == "latents":
        faults += latents_faults(request, image, "image")
        if masked and request.reads_pixels:
            faults.append(
                pixels_needed(f"the {request.family.denoiser} of {request.checkpoint.name} reads the picture's pixels")
            )
    else:
        faults += request_size_faults(request, image.width, image.height, ("image", "image"))
        faults += request_size_warnings(request, image.width, image.height, ("image", "image"))
        if not masked or not request.reads_pixels:
            faults += latents_hints(request)
    if request.given("denoising_start"):
        faults += _ensemble_faults(request, image, masked=masked)
    else:
        faults += strength_faults(request)
    texts = texts_of(request)
    sample = sample_step(request, texts, ("image", "mask") if masked else ("image",), encodes=image.word != "latents")
    return answer(request, texts, sample, (image.width, image.height), faults)


def _ensemble_faults(request: Request, image: Facts, *, masked: bool) -> Iterator[Fault]:
    """The faults of a refiner that takes over in the middle of denoising."""
    yield from split_faults(request, "denoising_start")
    if image.word == "image":
        why, fix = "a picture has no noise left to remove", "use the sender's .latents, or strength instead"
        yield Fault("denoising_start needs noisy latents", why, fix, "denoising_start", "latent-noise")
    if masked:
        why = "the part that the mask keeps would stay noisy"
        yield Fault("denoising_start cannot be used with a mask", why, "remove one of them", "mask")
    if request.given("strength"):
        why = "denoising_start sets where it begins"
        yield Fault("strength cannot be used with denoising_start", why, "remove strength", "strength")


@node(version=2, environment="torch", plan=_plan, usual=usual("refiner", "refiner+mask", "with a mask"))
def refiner(
    image: Annotated[Image | Latents, Doc("What to refine; with denoising_start, the noisy latents of another stage.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    mask: Annotated[
        Mask | None, SameSize("image"), Doc("White = refine, black = keep; by default everything is refined.")
    ] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("An SDXL refiner, or another SDXL model.")],
    strength: Strength = None,
    denoising_start: Annotated[
        float | None,
        Gt(0),
        Lt(1),
        Doc("Continue where a stage with this denoising_end stopped; strength doesn't apply."),
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

    Base and refiner as an ensemble of experts: a stage with `denoising_end` returns noisy latents, and this stage
    continues with the same `denoising_start`, the same number of steps and the same sampler. If sampler and generator
    allow it, the split itself does not change a bit. Equal, byte for byte, to diffusers' SDXL image-to-image or
    inpainting pipeline with the same components, parameters and CPU generator, without watermark.
    """
    raise AssertionError("a stage runs as its steps")
