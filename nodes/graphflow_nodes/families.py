"""The family table: which diffusers class runs a stage for a checkpoint, and what it takes by default.

A stage is one node type for every family; what differs lives here as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.check.checkpoints import Checkpoint


@dataclass(frozen=True)
class Entry:
    """How a family runs a stage.

    Attributes:
        pipeline: the diffusers class.
        defaults: what the class takes where a param is not given; equal to its signature.
        latents: whether the stage's `image` may be latents.
    """

    pipeline: str
    defaults: Mapping[str, Any]
    latents: bool = False


@dataclass(frozen=True)
class Family:
    """A kind of checkpoint.

    Attributes:
        name: as messages show it.
        readout: how its text encoder is read; conditionings of one readout can be exchanged.
        stages: stage → entry.
        parts: role → classes that it may have; the schedulers have a table of their own.
    """

    name: str
    readout: str
    stages: Mapping[str, Entry]
    parts: Mapping[str, tuple[str, ...]]


SD = Family(
    name="Stable Diffusion",
    readout="sd",
    stages={
        "text2img": Entry(
            "StableDiffusionPipeline",
            {"num_inference_steps": 50, "guidance_scale": 7.5, "guidance_rescale": 0.0, "eta": 0.0},
        ),
        "img2img": Entry(
            "StableDiffusionImg2ImgPipeline",
            {"num_inference_steps": 50, "guidance_scale": 7.5, "strength": 0.8, "eta": 0.0},
            latents=True,
        ),
        "inpaint": Entry(
            "StableDiffusionInpaintPipeline",
            {"num_inference_steps": 50, "guidance_scale": 7.5, "strength": 1.0, "eta": 0.0},
            latents=True,
        ),
    },
    parts={
        "unet": ("UNet2DConditionModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": ("CLIPTextModel",),
        "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
        "scheduler": (),
    },
)

_BY_CLASS = {
    "StableDiffusionPipeline": SD,
    "StableDiffusionImg2ImgPipeline": SD,
    "StableDiffusionInpaintPipeline": SD,
}


def family_of(checkpoint: Checkpoint) -> Family | None:
    """The family of a checkpoint by its pipeline class; None where it is not one of the table."""
    return _BY_CLASS.get(checkpoint.class_name)


def supported() -> str:
    """The families of the table, for messages."""
    return ", ".join(sorted({family.name for family in _BY_CLASS.values()}))


SCHEDULERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": False}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", {"use_karras_sigmas": False}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "euler_karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "heun": ("HeunDiscreteScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
"""Short name → diffusers class and what it sets in the checkpoint's config, which it starts from."""

CLASSES = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "PNDMScheduler",
    "UniPCMultistepScheduler",
)
"""The scheduler classes that can be named: all their noise comes from the stage's generator."""

SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {**SCHEDULERS, **{name: (name, {}) for name in CLASSES}}
"""What the param `scheduler` takes: a short name, or a class of diffusers as it is."""
