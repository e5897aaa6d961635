"""super_resolution: paint a picture at four times its size."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import requested
from graphflow_nodes.planning.pixel_limit import enlarged
from graphflow_nodes.planning.stage_params import (
    ClipSkip,
    Eta,
    Guidance,
    NegativePrompt,
    Painted,
    Prompt,
    Scheduler,
    Seed,
    Steps,
)
from graphflow_nodes.planning.stage_rules import request_size_faults, stage_faults
from graphflow_nodes.planning.stage_steps import answer, sample_step
from graphflow_nodes.planning.texts import texts_of

_SCALE = 4


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    request = requested("super_resolution", facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    image = facts["image"]
    size, faults = enlarged(image, _SCALE)
    faults += [*stage_faults(request), *request_size_faults(request, image.width, image.height, ("image", "image"))]
    texts = texts_of(request)
    return answer(request, texts, sample_step(request, texts, ("image",)), size, faults)


@node(version=1, environment="torch", plan=_plan, usual=usual("super_resolution"))
def super_resolution(
    image: Annotated[Image, Doc("What to enlarge; its sides are multiples of 4 pixels.")],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("A ×4 upscaler, such as stabilityai/stable-diffusion-x4-upscaler.")],
    noise_level: Annotated[
        int | None, Ge(0), Doc("Noise that is added to the picture: more gives more new details, and less likeness.")
    ] = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    eta: Eta = None,
    clip_skip: ClipSkip = None,
    scheduler: Scheduler = None,
    seed: Seed,
) -> Painted:
    """Paint a picture at four times its width and height, according to a text.

    It needs much memory: the model works with as many latents as the picture has pixels, and a side of 512 pixels
    becomes 2048. Its latents belong to a VAE of its own, so other stages read `.image`. Equal, byte for byte, to
    diffusers' StableDiffusionUpscalePipeline with the same components, parameters, size and CPU generator, without
    safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
