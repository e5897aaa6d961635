"""Stable Diffusion XL, and its refiner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphflow.checkpoints.family import Family, LatentRules, StageSpec, TextReader
from graphflow.problems import Fault
from graphflow_nodes.families import unet_rules
from graphflow_nodes.families.embeddings import SDXL_EMBEDDINGS
from graphflow_nodes.families.loras import SDXL_LORAS
from graphflow_nodes.models.clip import (
    CLIP_TEXT,
    CLIP_TEXT_WITH_PROJECTION,
    CLIP_TOKENIZER,
    CLIP_TOKENIZER_FAST,
)
from graphflow_nodes.models.samplers import SCHEDULERS
from graphflow_nodes.models.unet import CONTROLNET, UNET
from graphflow_nodes.models.vae import ASYMMETRIC_AUTOENCODER_KL, AUTOENCODER_KL, AUTOENCODER_TINY
from graphflow_nodes.planning.request import Request
from graphflow_nodes.single_files.original import ORIGINAL
from graphflow_nodes.steps.encode_text import encode_penultimate
from graphflow_nodes.steps.sample import sample
from graphflow_nodes.steps.vae import decode_normalised, decode_upcast, encode_normalised
from graphflow_nodes.steps.weighted_text import weigh_penultimate

_READOUT = "the last but one hidden state"
_SECOND = TextReader("text_encoder_2", "tokenizer_2", encode_penultimate, _READOUT, weigh_penultimate)
_TEXTS = (TextReader("text_encoder", "tokenizer", encode_penultimate, _READOUT, weigh_penultimate), _SECOND)

_SIZES = {
    "original_size": None,
    "crops_coords_top_left": (0, 0),
    "target_size": None,
    "negative_original_size": None,
    "negative_crops_coords_top_left": (0, 0),
    "negative_target_size": None,
}
_SCORES = {"aesthetic_score": 6.0, "negative_aesthetic_score": 2.5}
_SCALE = "controlnet_conditioning_scale"
_TEXT2IMG = {
    "num_inference_steps": 50,
    "guidance_scale": 5.0,
    "guidance_rescale": 0.0,
    "eta": 0.0,
    "denoising_end": None,
    **_SIZES,
}
_IMG2IMG = {**_TEXT2IMG, **_SCORES, "strength": 0.3, "denoising_start": None}
_INPAINT = {**_IMG2IMG, "strength": 0.9999, "guidance_scale": 7.5}


def _without(defaults: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if name not in names}


_CONTROL = {**_without(_TEXT2IMG, "guidance_rescale"), _SCALE: 1.0}
_CONTROL_IMG2IMG = {**_without(_CONTROL, "denoising_end"), **_SCORES, "strength": 0.8, _SCALE: 0.8}
_CONTROL_INPAINT = {
    **_without(_INPAINT, "negative_original_size", "negative_crops_coords_top_left", "negative_target_size"),
    "guidance_scale": 5.0,
    _SCALE: 1.0,
}


def _needs_size(request: Request) -> Iterator[Fault]:
    """A combination that ends in a TypeError of diffusers: ControlNets, an aesthetic score and no size."""
    if request.flag("requires_aesthetics_score") and not request.given("original_size"):
        why = f"{request.spec.pipeline} fails if the checkpoint has an aesthetic score and no size is given"
        yield Fault("original_size is required", why, "write original_size: [HEIGHT, WIDTH]", "control")


def _knows_no_deviation(request: Request) -> Iterator[Fault]:
    """A warning if the class ignores the VAE's mean and deviation."""
    if None not in (request.space.mean, request.space.std):
        why = f"{request.spec.pipeline} encodes and decodes without them, so colours may be off"
        fix = "use another VAE, or inpaint without control"
        message = f"latents_mean and latents_std of {request.checkpoint.name} have no effect"
        yield Fault(message, why, fix, "control", "no-effect")


def _stage(
    pipeline: str, defaults: Mapping[str, Any], *rules: Any, inpaints: bool = False, control: str = "", **more: Any
) -> StageSpec:
    scored = {name: "requires_aesthetics_score" for name in _SCORES if name in defaults}
    channels = unet_rules.latents_and_mask if inpaints else unet_rules.latents_alone
    return StageSpec(
        defaults=defaults,
        sample=sample,
        pipeline=pipeline,
        control=control,
        flags={"add_watermarker": False},
        if_flag=scored,
        rules=(channels, *((unet_rules.control_fits,) if control else ()), *rules),
        **more,
    )


_TO_PICTURE = _stage("StableDiffusionXLImg2ImgPipeline", _IMG2IMG, latents=True, reads_vae=True)
_FILL = _stage("StableDiffusionXLInpaintPipeline", _INPAINT, inpaints=True, latents=True, reads_vae=True, sized=True)

SDXL = Family(
    name="Stable Diffusion XL",
    pipelines=(
        "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLControlNetInpaintPipeline",
        "StableDiffusionXLControlNetPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionXLPipeline",
    ),
    has=("text_encoder",),
    parts={
        "text_encoder": (CLIP_TEXT,),
        "tokenizer": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "unet": (UNET,),
        "vae": (AUTOENCODER_KL, AUTOENCODER_TINY, ASYMMETRIC_AUTOENCODER_KL),
        "text_encoder_2": (CLIP_TEXT_WITH_PROJECTION,),
        "tokenizer_2": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "scheduler": SCHEDULERS,
    },
    denoiser="unet",
    texts=_TEXTS,
    joined={"prompt_embeds": -1},
    latents=LatentRules(
        space=unet_rules.latent_space, encode=encode_normalised, decode=decode_normalised, multiple=8, upcasts=True
    ),
    stages={
        "text2img": _stage("StableDiffusionXLPipeline", _TEXT2IMG, sized=True),
        "img2img": _TO_PICTURE,
        "inpaint": _FILL,
        "refiner": _TO_PICTURE,
        "refiner+mask": _FILL,
        "text2img+control": _stage("StableDiffusionXLControlNetPipeline", _CONTROL, control="image", sized=True),
        "img2img+control": _stage(
            "StableDiffusionXLControlNetImg2ImgPipeline",
            _CONTROL_IMG2IMG,
            _needs_size,
            control="control_image",
            latents=True,
            reads_vae=True,
            sized=True,
        ),
        "inpaint+control": _stage(
            "StableDiffusionXLControlNetInpaintPipeline",
            _CONTROL_INPAINT,
            _knows_no_deviation,
            inpaints=True,
            control="control_image",
            reads_vae=True,
            sized=True,
            decode=decode_upcast,
            normalised=False,
        ),
    },
    own_size=unet_rules.own_size,
    flags={"force_zeros_for_empty_prompt": True, "requires_aesthetics_score": False},
    adapters=(CONTROLNET,),
    rules=lambda name, parts: unet_rules.part_faults(name, parts, _TEXTS),
    distilled=unet_rules.distilled,
    reads_pixels=unet_rules.reads_pixels,
    loras=SDXL_LORAS,
    embeddings=SDXL_EMBEDDINGS,
    single_files=ORIGINAL,
    part_settings={"vae": {"scaling_factor": 0.13025, "sample_size": 1024}},
)

REFINER = replace(
    SDXL,
    name="Stable Diffusion XL refiner",
    # It is saved as the same class, without the first text encoder.
    has=(),
    lacks=("text_encoder",),
    parts=_without(SDXL.parts, "text_encoder", "tokenizer"),
    texts=(_SECOND,),
    stages={name: SDXL.stages[name] for name in ("img2img", "inpaint", "refiner", "refiner+mask")},
    flags={"force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True},
    rules=lambda name, parts: unet_rules.part_faults(name, parts, (_SECOND,)),
    adapters=(),
)
