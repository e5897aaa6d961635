"""img2img: repaint a picture, or latents, under a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.tensor_values import Latents
from graphflow.values.value import Image
from graphflow_nodes.families import usual
from graphflow_nodes.planning.control_rules import check_control, check_score
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
    Score,
    Seed,
    Sides,
    Steps,
    Strength,
)
from graphflow_nodes.steps.control import named


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage(named("img2img", facts), facts, params, checkpoints["checkpoint"], wanted)
    if not stage.known():
        return stage.refused()
    stage.check_channels()
    image = facts["image"]
    if image.word == "latents":
        stage.check_latents(image, "image")
    else:
        stage.check_size(image.width, image.height, ("image", "image"))
        stage.advise_latents(image)
    check_control(stage, image.width, image.height)
    check_score(stage)
    stage.check_strength()
    if params["denoising_end"] is not None:
        stage.check_resuming("denoising_end")
    texts = stage.texts()
    sample = stage.sampling(texts, {"image": "image"}, () if image.word == "latents" else ("vae",))
    return stage.planned([*texts[0], sample], image.width, image.height)


@node(version=1, environment="torch", plan=_plan, usual=usual("img2img"))
def img2img(
    image: Annotated[Image | Latents, Doc("What to repaint; latents of the checkpoint's own space save an encode.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    control: Control = None,
    *,
    checkpoint: Model,
    strength: Strength = None,
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
    aesthetic_score: Score = None,
    negative_aesthetic_score: Score = None,
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Repaint a picture under a text, at the picture's own size; use `resize` for another one.

    Equal, byte for byte, to diffusers' image-to-image pipeline of the checkpoint's family (with `control`, to that for
    ControlNets) with the same components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
