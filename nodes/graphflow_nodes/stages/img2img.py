"""img2img: repaint a picture, or latents, according to a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow.values.tensor_values import Latents
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import requested
from graphflow_nodes.planning.control_rules import control_faults, named
from graphflow_nodes.planning.latent_rules import latents_faults, latents_hints, pixels_needed
from graphflow_nodes.planning.stage_params import (
    ClipSkip,
    Control,
    Corner,
    DenoisingEnd,
    Eta,
    Guidance,
    Model,
    NegativePrompt,
    Painted,
    PriorGuidance,
    PriorSteps,
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
    request = requested(named("img2img", facts), facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    image = facts["image"]
    faults = [*stage_faults(request)]
    if image.word == "latents" and not request.spec.latents:
        faults.append(pixels_needed(f"{request.spec.pipeline} reads pixels"))
    elif image.word == "latents":
        faults += latents_faults(request, image, "image")
    else:
        faults += request_size_faults(request, image.width, image.height, ("image", "image"))
        faults += request_size_warnings(request, image.width, image.height, ("image", "image"))
        faults += latents_hints(request)
    faults += control_faults(request, image.width, image.height)
    faults += strength_faults(request)
    faults += split_faults(request, "denoising_end")
    texts = texts_of(request)
    sample = sample_step(request, texts, ("image",), encodes=image.word != "latents")
    return answer(request, texts, sample, (image.width, image.height), faults)


@node(version=2, environment="torch", plan=_plan, usual=usual("img2img"))
def img2img(
    image: Annotated[Image | Latents, Doc("What to repaint; latents in the checkpoint's latent space avoid encoding.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    control: Control = None,
    *,
    checkpoint: Model,
    strength: Strength = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    prior_num_inference_steps: PriorSteps = None,
    prior_guidance_scale: PriorGuidance = None,
    guidance_rescale: Rescale = None,
    eta: Eta = None,
    denoising_end: DenoisingEnd = None,
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
    """Repaint a picture according to a text, at the picture's own size; use `resize` for another size.

    Equal, byte for byte, to diffusers' image-to-image pipeline of the checkpoint's family (with `control`, to that for
    ControlNets) with the same components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
