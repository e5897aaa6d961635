"""Stable Diffusion 1 and 2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.family import Family, LatentRules, StageSpec, TextReader
from graphflow.problems import Fault
from graphflow_nodes.families import unet_rules
from graphflow_nodes.families.embeddings import SD_EMBEDDINGS
from graphflow_nodes.families.loras import SD_LORAS
from graphflow_nodes.families.unet_rules import Parts
from graphflow_nodes.models.clip import CLIP_TEXT, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST
from graphflow_nodes.models.samplers import SCHEDULERS
from graphflow_nodes.models.unet import CONTROLNET, UNET
from graphflow_nodes.models.vae import ASYMMETRIC_AUTOENCODER_KL, AUTOENCODER_KL, AUTOENCODER_TINY
from graphflow_nodes.single_files.original import ORIGINAL
from graphflow_nodes.steps.encode_text import encode_last
from graphflow_nodes.steps.sample import sample
from graphflow_nodes.steps.vae import decode, decode_around, encode
from graphflow_nodes.steps.weighted_text import weigh_last

_EARLY_SIZE = 64
"""The constructors raise a smaller sample_size of a UNet from before diffusers 0.9 to this."""
_TEXTS = (TextReader("text_encoder", "tokenizer", encode_last, "the last hidden state", weigh_last),)
_SAMPLING = {"num_inference_steps": 50, "guidance_scale": 7.5, "eta": 0.0}
_SCALE = "controlnet_conditioning_scale"


def _own_size(parts: Parts) -> tuple[int, int] | None:
    size, config = parts["unet"].full_config["sample_size"], parts["unet"].config
    if isinstance(size, int) and 0 < size < _EARLY_SIZE and _is_early(config):
        # Such configs of fine-tunes are known to be wrong; the constructors correct them.
        return (_EARLY_SIZE * unet_rules.latent_space(parts).factor,) * 2
    return unet_rules.own_size(parts)


def _is_early(config: Mapping[str, Any]) -> bool:
    """Whether a config was written before diffusers 0.9."""
    written = re.match(r"v?(\d+)\.(\d+)", str(config.get("_diffusers_version", "")))
    return written is not None and (int(written[1]), int(written[2])) < (0, 9)


def _rules(name: str, parts: Parts) -> Iterator[Fault]:
    return unet_rules.part_faults(name, parts, _TEXTS)


def _stage(pipeline: str, *, inpaints: bool = False, control: str = "", **more: Any) -> StageSpec:
    rules = (
        unet_rules.latents_and_mask if inpaints else unet_rules.latents_alone,
        *((unet_rules.control_fits,) if control else ()),
    )
    return StageSpec(
        sample=sample,
        pipeline=pipeline,
        control=control,
        reads_vae=inpaints,
        flags={"requires_safety_checker": False},
        # The constructors of the classes without ControlNets rewrite the scheduler.
        moves_steps=not control,
        rules=rules,
        **more,
    )


SD = Family(
    name="Stable Diffusion",
    pipelines=(
        "LatentConsistencyModelImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
        "StableDiffusionControlNetImg2ImgPipeline",
        "StableDiffusionControlNetInpaintPipeline",
        "StableDiffusionControlNetPipeline",
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionPipeline",
    ),
    parts={
        "unet": (UNET,),
        "vae": (AUTOENCODER_KL, AUTOENCODER_TINY, ASYMMETRIC_AUTOENCODER_KL),
        "text_encoder": (CLIP_TEXT,),
        "tokenizer": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "scheduler": SCHEDULERS,
    },
    denoiser="unet",
    texts=_TEXTS,
    latents=LatentRules(space=unet_rules.latent_space, encode=encode, decode=decode, multiple=8),
    stages={
        "text2img": _stage("StableDiffusionPipeline", defaults={**_SAMPLING, "guidance_rescale": 0.0}, sized=True),
        "img2img": _stage("StableDiffusionImg2ImgPipeline", defaults={**_SAMPLING, "strength": 0.8}, latents=True),
        "inpaint": _stage(
            "StableDiffusionInpaintPipeline",
            inpaints=True,
            defaults={**_SAMPLING, "strength": 1.0},
            latents=True,
            beside=True,
            sized=True,
            decode_around={"AsymmetricAutoencoderKL": decode_around},
        ),
        "text2img+control": _stage(
            "StableDiffusionControlNetPipeline", control="image", defaults={**_SAMPLING, _SCALE: 1.0}, sized=True
        ),
        "img2img+control": _stage(
            "StableDiffusionControlNetImg2ImgPipeline",
            control="control_image",
            defaults={**_SAMPLING, "strength": 0.8, _SCALE: 0.8},
            latents=True,
            sized=True,
        ),
        "inpaint+control": _stage(
            "StableDiffusionControlNetInpaintPipeline",
            inpaints=True,
            control="control_image",
            defaults={**_SAMPLING, "strength": 1.0, _SCALE: 0.5},
            sized=True,
        ),
    },
    own_size=_own_size,
    adapters=(CONTROLNET,),
    rules=_rules,
    distilled=unet_rules.distilled,
    reads_pixels=unet_rules.reads_pixels,
    loras=SD_LORAS,
    embeddings=SD_EMBEDDINGS,
    single_files=ORIGINAL,
)
