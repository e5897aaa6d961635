"""img2img: repaint a picture, or latents, under a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.check.checkpoints import Checkpoint
from graphflow.facts import Facts
from graphflow.marker import Doc, Planned, Step, node
from graphflow.tensor_values import Latents
from graphflow.values import Image
from graphflow_nodes.ops.stage import Stage
from graphflow_nodes.ops.stage_params import (
    ClipSkip,
    Eta,
    Guidance,
    Model,
    NegativePrompt,
    Painted,
    Prompt,
    Scheduler,
    Seed,
    Steps,
    Strength,
)
from graphflow_nodes.ops.steps import sample_img2img


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage("img2img", facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    image = facts["image"]
    if image.word == "latents":
        stage.check_latents(image, "image")
    else:
        stage.check_size(image.width, image.height, ("image", "image"))
        stage.advise_latents(image)
    stage.check_strength()
    steps, inputs = stage.texts()
    settings = {name: stage.value(name) for name in stage.entry.defaults}
    common = {"space": stage.space.to_json(), "scheduler": stage.scheduler(), "seed": params["seed"]}
    roles = ("unet",) if image.word == "latents" else ("unet", "vae")
    inputs["image"] = "image"
    sample = Step("sample", sample_img2img, inputs, {**settings, **common}, ("latents",), stage.use(*roles))
    return stage.planned([*steps, sample], image.width, image.height)


@node(version=1, environment="torch", plan=_plan)
def img2img(
    image: Annotated[Image | Latents, Doc("What to repaint; latents of the checkpoint's own space save an encode.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    *,
    checkpoint: Model,
    strength: Strength = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    eta: Eta = None,
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Repaint a picture under a text, at the picture's own size; use `resize` for another one.

    Equal, byte for byte, to diffusers' image-to-image pipeline of the checkpoint's family with the same
    components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
