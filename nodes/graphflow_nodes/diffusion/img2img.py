"""img2img: repaint a picture, or latents, under a text."""

from collections.abc import Mapping
from typing import Annotated, Any

from graphflow.check.checkpoints import Checkpoint
from graphflow.facts import Facts
from graphflow.marker import Doc, Ge, Le, Planned, Seed, Step, node
from graphflow.tensor_values import Conditioning, Latents
from graphflow.values import Image
from graphflow_nodes.diffusion.text2img import Painted, Scheduler
from graphflow_nodes.ops.stage import Stage
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
    prompt: Annotated[str | Conditioning, Doc("What to paint.")],
    negative_prompt: Annotated[str | None, Doc("What not to paint; used where guidance_scale is above 1.")] = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("The model.")],
    strength: Annotated[float | None, Ge(0), Le(1), Doc("How much may change; strength × steps are run.")] = None,
    num_inference_steps: Annotated[int | None, Ge(1), Le(1000), Doc("Denoising steps, before strength.")] = None,
    guidance_scale: Annotated[float | None, Ge(0), Doc("How strongly the prompt is followed; 1 or less: not.")] = None,
    eta: Annotated[float | None, Ge(0), Le(1), Doc("Noise of DDIM's steps; other samplers ignore it.")] = None,
    clip_skip: Annotated[int | None, Ge(1), Doc("Layers of the text encoder to skip from the end.")] = None,
    scheduler: Annotated[Scheduler | None, Doc("The sampler; the checkpoint's own where it is not given.")] = None,
    seed: Annotated[Seed, Doc("Decides the noise.")],
) -> Painted:
    """Repaint a picture under a text, at the picture's own size; use `resize` for another one.

    Equal, byte for byte, to diffusers' image-to-image pipeline of the checkpoint's family with the same
    components, parameters, size and CPU generator, without safety checker and watermark.
    """
    raise AssertionError("a stage runs as its steps")
