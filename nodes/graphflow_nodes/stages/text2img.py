"""text2img: paint a picture from a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import refused, requested
from graphflow_nodes.planning.control_rules import control_faults, named
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
    Seed,
    Sides,
    Steps,
)
from graphflow_nodes.planning.stage_rules import (
    painted_size,
    request_size_faults,
    request_size_warnings,
    split_faults,
    stage_faults,
)
from graphflow_nodes.planning.stage_steps import answer, sample_step
from graphflow_nodes.planning.texts import texts_of


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    request = requested(named("text2img", facts), facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    faults = [*stage_faults(request)]
    size = painted_size(request)
    if isinstance(size, Fault):
        return refused(request.checkpoint, (*faults, size))
    width, height = size
    faults += request_size_faults(request, width, height, ("width", "height"))
    faults += request_size_warnings(request, width, height, ("width", "height"))
    faults += control_faults(request, width, height)
    faults += split_faults(request, "denoising_end")
    texts = texts_of(request)
    sample = sample_step(request, texts, width=width, height=height)
    return answer(request, texts, sample, size, faults)


@node(version=2, environment="torch", plan=_plan, usual=usual("text2img"))
def text2img(
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    control: Control = None,
    *,
    checkpoint: Model,
    width: Annotated[int | None, Ge(8), Doc("Pixels; by default the model's own size.")] = None,
    height: Annotated[int | None, Ge(8), Doc("Pixels; by default the model's own size.")] = None,
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
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Paint a picture from a text.

    Equal, byte for byte, to diffusers' text-to-image pipeline of the checkpoint's family (with `control`, to that for
    ControlNets) with the same components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
