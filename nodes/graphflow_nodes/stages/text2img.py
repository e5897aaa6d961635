"""text2img: paint a picture from a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow_nodes.families import usual
from graphflow_nodes.planning.control_rules import check_control
from graphflow_nodes.planning.stage import Stage
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
    Prompt,
    Rescale,
    Scheduler,
    Seed,
    Sides,
    Steps,
)
from graphflow_nodes.steps.control import named


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage(named("text2img", facts), facts, params, checkpoints["checkpoint"], wanted)
    if not stage.known():
        return stage.refused()
    stage.check_channels()
    if (size := stage.painted_size()) is None:
        return stage.refused()
    width, height = size
    stage.check_size(width, height, ("width", "height"))
    check_control(stage, width, height)
    if params["denoising_end"] is not None:
        stage.check_resuming("denoising_end")
    texts = stage.texts()
    sample = stage.sampling(texts, {}, (), width=width, height=height)
    return stage.planned([*texts[0], sample], width, height)


@node(version=1, environment="torch", plan=_plan, usual=usual("text2img"))
def text2img(
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    control: Control = None,
    *,
    checkpoint: Model,
    width: Annotated[int | None, Ge(8), Doc("Pixels; the model's own size where it is not given.")] = None,
    height: Annotated[int | None, Ge(8), Doc("Pixels; the model's own size where it is not given.")] = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
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
