"""upscale: double the size of a picture, or of latents, in latent space."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow.values.tensor_values import Latents
from graphflow_nodes.families.default_texts import usual
from graphflow_nodes.planning.checkpoint_rules import requested
from graphflow_nodes.planning.latent_rules import latents_faults, latents_hints
from graphflow_nodes.planning.pixel_limit import enlarged
from graphflow_nodes.planning.stage_params import NegativePrompt, Painted, Prompt, Seed, Steps
from graphflow_nodes.planning.stage_rules import stage_faults
from graphflow_nodes.planning.stage_steps import answer, sample_step
from graphflow_nodes.planning.texts import texts_of

_SCALE = 2


def _plan(
    facts: Mapping[str, Facts],
    params: Mapping[str, Any],
    checkpoints: Mapping[str, Checkpoint],
    wanted: frozenset[str],
) -> Planned:
    request = requested("upscale", facts, params, checkpoints["checkpoint"], wanted)
    if isinstance(request, Planned):
        return request
    image = facts["image"]
    size, faults = enlarged(image, _SCALE)
    faults += stage_faults(request)
    faults += latents_faults(request, image, "image") if image.word == "latents" else latents_hints(request)
    texts = texts_of(request)
    sample = sample_step(request, texts, ("image",))
    return answer(request, texts, sample, size, faults)


@node(version=1, environment="torch", plan=_plan, usual=usual("upscale"))
def upscale(
    image: Annotated[
        Image | Latents,
        Doc("What to enlarge: a picture, or latents of Stable Diffusion's latent space, which are not encoded again."),
    ],
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    *,
    checkpoint: Annotated[Checkpoint, Doc("A latent upscaler, such as stabilityai/sd-x2-latent-upscaler.")],
    num_inference_steps: Steps = None,
    guidance_scale: Annotated[
        float | None,
        Ge(0),
        Doc("How strongly the prompt is followed; 1 or less turns guidance off, and with 0 the prompt is not read."),
    ] = None,
    scheduler: Annotated[
        Literal["euler", "euler_karras", "EulerDiscreteScheduler"] | None,
        Doc("The sampler; by default the checkpoint's own."),
    ] = None,
    seed: Seed,
) -> Painted:
    """Double the size of a picture in latent space.

    Its width and height are doubled, and details are painted according to a text. The sides must be multiples of 32
    pixels, 64 at least. Equal, byte for byte, to diffusers' StableDiffusionLatentUpscalePipeline with the same
    components, parameters, size and CPU generator.
    """
    raise AssertionError("a stage runs as its steps")
