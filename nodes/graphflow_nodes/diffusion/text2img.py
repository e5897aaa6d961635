"""text2img: paint a picture from a text."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from graphflow.check.checkpoints import Checkpoint
from graphflow.facts import Facts
from graphflow.marker import Doc, Ge, Le, Planned, Seed, Step, node
from graphflow.tensor_values import Conditioning, Latents
from graphflow.values import Image
from graphflow_nodes.ops.stage import Stage
from graphflow_nodes.ops.steps import sample_text2img

Scheduler = Literal[
    "ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_karras", "euler", "euler_a", "euler_karras", "heun", "pndm", "unipc"
]


class Painted(NamedTuple):
    """What a stage gives."""

    image: Annotated[Image, Doc("The picture; decoded only where somebody reads it.")]
    latents: Annotated[Latents, Doc("The same picture in the checkpoint's latent space.")]


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    stage = Stage("text2img", facts, params, checkpoints["checkpoint"])
    if not stage.known():
        return stage.refused()
    own_width, own_height = stage.own_size()
    width, height = params["width"] or own_width, params["height"] or own_height
    stage.check_size(width, height, ("width", "height"))
    steps, inputs = stage.texts()
    settings = {name: stage.value(name) for name in stage.entry.defaults}
    sample = Step(
        "sample",
        sample_text2img,
        inputs,
        {
            **settings,
            "space": stage.space.to_json(),
            "scheduler": stage.scheduler(),
            "seed": params["seed"],
            "width": width,
            "height": height,
        },
        ("latents",),
        stage.use("unet"),
    )
    return stage.planned([*steps, sample], width, height)


@node(version=1, environment="torch", plan=_plan)
def text2img(
    prompt: Annotated[str | Conditioning, Doc("What to paint.")],
    negative_prompt: Annotated[str | None, Doc("What not to paint; used where guidance_scale is above 1.")] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("The model.")],
    width: Annotated[int | None, Ge(8), Doc("Pixels; the model's own size where it is not given.")] = None,
    height: Annotated[int | None, Ge(8), Doc("Pixels; the model's own size where it is not given.")] = None,
    num_inference_steps: Annotated[int | None, Ge(1), Le(1000), Doc("Denoising steps.")] = None,
    guidance_scale: Annotated[float | None, Ge(0), Doc("How strongly the prompt is followed; 1 or less: not.")] = None,
    guidance_rescale: Annotated[float | None, Ge(0), Le(1), Doc("Against overexposure (arXiv 2305.08891).")] = None,
    eta: Annotated[float | None, Ge(0), Le(1), Doc("Noise of DDIM's steps; other samplers ignore it.")] = None,
    clip_skip: Annotated[int | None, Ge(1), Doc("Layers of the text encoder to skip from the end.")] = None,
    scheduler: Annotated[Scheduler | None, Doc("The sampler; the checkpoint's own where it is not given.")] = None,
    seed: Annotated[Seed, Doc("Decides the noise.")],
) -> Painted:
    """Paint a picture from a text.

    Equal, byte for byte, to diffusers' text-to-image pipeline of the checkpoint's family with the same
    components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
