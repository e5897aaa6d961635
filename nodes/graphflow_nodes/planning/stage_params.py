"""The params and outputs that stages share, each described once."""

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from graphflow.catalog.authoring import Doc, Ge, Gt, Le, Len, Lt
from graphflow.catalog.authoring import Seed as AnySeed
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.values.control import Control as ControlSignal
from graphflow.values.raster import Image
from graphflow.values.tensor_values import Conditioning, ImageEmbedding, Latents
from graphflow_nodes.models.samplers import SAMPLERS

Prompt = Annotated[str | Conditioning | ImageEmbedding, Doc("What to paint.")]
NegativePrompt = Annotated[str | None, Doc("What not to paint; used if guidance_scale is above 1.")]
Control = Annotated[
    list[ControlSignal] | None, Doc("Control signals from controlnet_condition, one per ControlNet; SD and SDXL.")
]
Model = Annotated[Checkpoint, Doc("The model.")]
PriorSteps = Annotated[int | None, Ge(1), Le(1000), Doc("Denoising steps of the prior; Kandinsky.")]
PriorGuidance = Annotated[float | None, Ge(0), Doc("How strongly the prior follows the prompt; Kandinsky.")]
Strength = Annotated[float | None, Ge(0), Le(1), Doc("How much may change; strength × steps are run.")]
Steps = Annotated[int | None, Ge(1), Le(1000), Doc("Denoising steps; with strength, before it is applied.")]
Guidance = Annotated[float | None, Ge(0), Doc("How strongly the prompt is followed; 1 or less turns guidance off.")]
Eta = Annotated[float | None, Ge(0), Le(1), Doc("Noise of DDIM's steps; other samplers ignore it.")]
Rescale = Annotated[float | None, Ge(0), Le(1), Doc("Against overexposure (arXiv 2305.08891).")]
DenoisingEnd = Annotated[
    float | None, Gt(0), Lt(1), Doc("Stop at this share of the steps and return noisy latents for a refiner; SDXL.")
]
Sides = Annotated[list[int] | None, Len(2, 2), Doc("[height, width] in pixels, given to the model; SDXL.")]
Corner = Annotated[list[int] | None, Len(2, 2), Doc("[top, left] in pixels of the crop, given to the model; SDXL.")]
Score = Annotated[float | None, Ge(0), Le(10), Doc("How pleasing the picture should be; SDXL's refiner.")]
ClipSkip = Annotated[int | None, Ge(1), Doc("Layers of the text encoder to skip from the end.")]
Seed = Annotated[AnySeed, Doc("Seed of the noise.")]

if TYPE_CHECKING:
    Sampler = str
else:
    Sampler = Literal[tuple(SAMPLERS)]
    """A short name, or a class of diffusers."""

Scheduler = Annotated[Sampler | None, Doc("The sampler; by default the checkpoint's own.")]


class Painted(NamedTuple):
    """The results of a stage."""

    image: Annotated[Image, Doc("The picture; decoded only if it is read.")]
    latents: Annotated[Latents, Doc("The same picture in the checkpoint's latent space.")]
