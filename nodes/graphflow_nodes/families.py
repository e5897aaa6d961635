"""The family table: which diffusers class runs a stage for a checkpoint, and what it takes by default.

A stage is one node type for every family; what differs lives here as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.checkpoints.checkpoint import Checkpoint


@dataclass(frozen=True)
class Entry:
    """How a family runs a stage.

    Attributes:
        pipeline: the diffusers class.
        defaults: what the class takes where a param is not given; equal to its signature. That of
            `controlnet_conditioning_scale` stands for every control signal without a scale.
        latents: whether the stage's `image` may be latents.
        beside: whether the class takes latents as `image` only beside themselves as `masked_image_latents`.
        reads_vae: whether the class reads a setting off the VAE even where it encodes nothing.
        sized: whether the class has `height` and `width`.
        control: the argument that takes control pictures; empty where the class has none.
        decode: how the class decodes, see `graphflow_nodes.steps.vae.decode`.
    """

    pipeline: str
    defaults: Mapping[str, Any]
    latents: bool = False
    beside: bool = False
    reads_vae: bool = False
    sized: bool = False
    control: str = ""
    decode: str = "sd"


@dataclass(frozen=True)
class Reading:
    """How a text encoder of a family is read.

    Attributes:
        text_encoder, tokenizer: roles.
        readout: see `graphflow_nodes.steps.encode_text.encode_text`.
    """

    text_encoder: str
    tokenizer: str
    readout: str


@dataclass(frozen=True)
class Family:
    """A kind of checkpoint.

    Attributes:
        name: as messages show it.
        readings: its text encoders, in the order in which the UNet reads them.
        stages: stage → entry; a name with `+control` is the stage with ControlNets.
        parts: role → classes that it may have; the schedulers have a table of their own.
        flags: settings of the pipeline, where a checkpoint says nothing of them.
        decode: how `vae_decode` decodes.
    """

    name: str
    readings: tuple[Reading, ...]
    stages: Mapping[str, Entry]
    parts: Mapping[str, tuple[str, ...]]
    flags: Mapping[str, Any] = field(default_factory=dict)
    decode: str = "sd"

    @property
    def readout(self) -> str:
        """What conditionings of one kind have in common, so that they can be exchanged."""
        return " ".join(reading.readout for reading in self.readings)


_SAMPLING = {"num_inference_steps": 50, "guidance_scale": 7.5, "eta": 0.0}
_SCALE = "controlnet_conditioning_scale"
_VAES = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL")
_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")

SD = Family(
    name="Stable Diffusion",
    readings=(Reading("text_encoder", "tokenizer", "sd"),),
    stages={
        "text2img": Entry("StableDiffusionPipeline", {**_SAMPLING, "guidance_rescale": 0.0}, sized=True),
        "img2img": Entry("StableDiffusionImg2ImgPipeline", {**_SAMPLING, "strength": 0.8}, latents=True),
        "inpaint": Entry(
            "StableDiffusionInpaintPipeline",
            {**_SAMPLING, "strength": 1.0},
            latents=True,
            beside=True,
            reads_vae=True,
            sized=True,
        ),
        "text2img+control": Entry(
            "StableDiffusionControlNetPipeline", {**_SAMPLING, _SCALE: 1.0}, sized=True, control="image"
        ),
        "img2img+control": Entry(
            "StableDiffusionControlNetImg2ImgPipeline",
            {**_SAMPLING, "strength": 0.8, _SCALE: 0.8},
            latents=True,
            sized=True,
            control="control_image",
        ),
        "inpaint+control": Entry(
            "StableDiffusionControlNetInpaintPipeline",
            {**_SAMPLING, "strength": 1.0, _SCALE: 0.5},
            reads_vae=True,
            sized=True,
            control="control_image",
        ),
    },
    parts={
        "unet": ("UNet2DConditionModel",),
        "vae": _VAES,
        "text_encoder": ("CLIPTextModel",),
        "tokenizer": _TOKENIZERS,
        "scheduler": (),
    },
)

_SIZES = {
    "original_size": None,
    "crops_coords_top_left": (0, 0),
    "target_size": None,
    "negative_original_size": None,
    "negative_crops_coords_top_left": (0, 0),
    "negative_target_size": None,
}
_SCORES = {"aesthetic_score": 6.0, "negative_aesthetic_score": 2.5}
_XL_TEXT = {
    "num_inference_steps": 50,
    "guidance_scale": 5.0,
    "guidance_rescale": 0.0,
    "eta": 0.0,
    "denoising_end": None,
    **_SIZES,
}
_XL_IMAGE = {**_XL_TEXT, **_SCORES, "strength": 0.3, "denoising_start": None}
_XL_INPAINT = {
    **_XL_IMAGE,
    "strength": 0.9999,
    "guidance_scale": 7.5,
}
_XL_IMG2IMG = Entry("StableDiffusionXLImg2ImgPipeline", _XL_IMAGE, latents=True, reads_vae=True, decode="xl")
_XL_FILL = Entry("StableDiffusionXLInpaintPipeline", _XL_INPAINT, latents=True, reads_vae=True, sized=True, decode="xl")


def _without(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


_XL_CONTROL = {**_without(_XL_TEXT, "guidance_rescale"), _SCALE: 1.0}
_XL_CONTROL_IMAGE = {**_without(_XL_CONTROL, "denoising_end"), **_SCORES, "strength": 0.8, _SCALE: 0.8}
_XL_CONTROL_INPAINT = {
    **_without(_XL_INPAINT, "negative_original_size", "negative_crops_coords_top_left", "negative_target_size"),
    "guidance_scale": 5.0,
    _SCALE: 1.0,
}
_XL_PARTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": _VAES,
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "tokenizer_2": _TOKENIZERS,
    "scheduler": (),
}

SDXL = Family(
    name="Stable Diffusion XL",
    readings=(Reading("text_encoder", "tokenizer", "xl"), Reading("text_encoder_2", "tokenizer_2", "xl")),
    stages={
        "text2img": Entry("StableDiffusionXLPipeline", _XL_TEXT, sized=True, decode="xl"),
        "img2img": _XL_IMG2IMG,
        "inpaint": _XL_FILL,
        "refiner": _XL_IMG2IMG,
        "refiner+mask": _XL_FILL,
        "text2img+control": Entry(
            "StableDiffusionXLControlNetPipeline", _XL_CONTROL, sized=True, control="image", decode="xl"
        ),
        "img2img+control": Entry(
            "StableDiffusionXLControlNetImg2ImgPipeline",
            _XL_CONTROL_IMAGE,
            latents=True,
            reads_vae=True,
            sized=True,
            control="control_image",
            decode="xl",
        ),
        "inpaint+control": Entry(
            "StableDiffusionXLControlNetInpaintPipeline",
            _XL_CONTROL_INPAINT,
            reads_vae=True,
            sized=True,
            control="control_image",
            decode="xl_control",
        ),
    },
    parts={"text_encoder": ("CLIPTextModel",), "tokenizer": _TOKENIZERS, **_XL_PARTS},
    flags={"force_zeros_for_empty_prompt": True, "requires_aesthetics_score": False},
    decode="xl",
)

REFINER = Family(
    name="Stable Diffusion XL refiner",
    readings=(Reading("text_encoder_2", "tokenizer_2", "xl"),),
    stages={name: SDXL.stages[name] for name in ("img2img", "inpaint", "refiner", "refiner+mask")},
    parts=_XL_PARTS,
    flags={"force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True},
    decode="xl",
)

_FAMILIES = {
    "LatentConsistencyModelImg2ImgPipeline": SD,
    "LatentConsistencyModelPipeline": SD,
    "StableDiffusionControlNetImg2ImgPipeline": SD,
    "StableDiffusionControlNetInpaintPipeline": SD,
    "StableDiffusionControlNetPipeline": SD,
    "StableDiffusionImg2ImgPipeline": SD,
    "StableDiffusionInpaintPipeline": SD,
    "StableDiffusionPipeline": SD,
    "StableDiffusionXLControlNetImg2ImgPipeline": SDXL,
    "StableDiffusionXLControlNetInpaintPipeline": SDXL,
    "StableDiffusionXLControlNetPipeline": SDXL,
    "StableDiffusionXLImg2ImgPipeline": SDXL,
    "StableDiffusionXLInpaintPipeline": SDXL,
    "StableDiffusionXLPipeline": SDXL,
}
"""Class of the pipeline that saved a folder → its family; a ControlNet beside the parts of the family is not read."""
FAMILIES = (SD, SDXL, REFINER)


def usual(stage: str, variant: str = "", told: str = "") -> dict[str, str]:
    """Param → in words, what a stage's classes take where it is not given; `told` says when the `variant` runs."""
    found, others = _usual(stage), _usual(variant)
    for param, other in others.items():
        if other != found.get(param):
            found[param] = f"{found[param]}; {told}: {other}" if param in found else f"{told}: {other}"
    return found


def _usual(stage: str) -> dict[str, str]:
    values: dict[str, dict[str, list[str]]] = {}
    for family in FAMILIES:
        for param, value in family.stages[stage].defaults.items() if stage in family.stages else ():
            if value is not None and param != _SCALE:
                shown = str(list(value)) if isinstance(value, tuple) else f"{value:g}"
                values.setdefault(param, {}).setdefault(shown, []).append(family.name)
    return {
        param: next(iter(by)) if len(by) == 1 else ", ".join(f"{value} ({', '.join(of)})" for value, of in by.items())
        for param, by in values.items()
    }


def family_of(checkpoint: Checkpoint) -> Family | None:
    """The family of a checkpoint by its pipeline class and its parts; None where it is not one of the table."""
    found = _FAMILIES.get(checkpoint.class_name)
    # The refiner is saved as the same class, without the first text encoder.
    return REFINER if found is SDXL and "text_encoder" not in checkpoint.components else found


def supported() -> str:
    """The families of the table, for messages."""
    return ", ".join(family.name for family in FAMILIES)
