"""Stable Diffusion's latent upscaler, which doubles the size of a picture in latent space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphflow.checkpoints.family import Family, LatentRules, StageSpec, TextReader
from graphflow.problems import Fault
from graphflow_nodes.families import unet_rules
from graphflow_nodes.families.unet_rules import Parts
from graphflow_nodes.models.clip import CLIP_TEXT, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST
from graphflow_nodes.models.samplers import SCHEDULERS
from graphflow_nodes.models.unet import UNET
from graphflow_nodes.models.vae import AUTOENCODER_KL
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.size_rules import size_faults
from graphflow_nodes.planning.texts import Texts, texts_by_readers
from graphflow_nodes.steps.encode_text import encode_with_summary
from graphflow_nodes.steps.sample import sample
from graphflow_nodes.steps.vae import decode, encode

_READERS = (TextReader("text_encoder", "tokenizer", encode_with_summary, "the last hidden state before its norm"),)
_NOISE_LEVEL = 128
"""Width of the embedding of the picture's noise level, always 0, which the class puts before the pooled text."""
_EULER: Mapping[str, Mapping[str, tuple[Any, ...]]] = {"EulerDiscreteScheduler": {}}
"""The class computes with the sigmas of its scheduler in a way that is right only for Euler's."""


def _setting_of_others(unet: Mapping[str, Any]) -> str:
    """The first setting that only other kinds of UNets have, with its value; empty if there is none."""
    for key, wanted in (("time_embedding_type", "fourier"), ("norm_num_groups", None), ("mid_block_type", None)):
        if unet[key] != wanted:
            return f"{key} {unet[key]}"
    blocks = (kind for key in ("down_block_types", "up_block_types") for kind in unet[key])
    return next((f"the block {kind}" for kind in blocks if not kind.startswith("K")), "")


def _rules(name: str, parts: Parts) -> Iterator[Fault]:
    unet, cells = parts["unet"].full_config, parts["vae"].full_config["latent_channels"]
    width = parts["text_encoder"].full_config["hidden_size"]
    for setting, given, why in (
        ("in_channels", 2 * cells, "the unet has {} channels, but noise and picture have {}"),
        ("out_channels", cells + 1, "the unet returns {} channels, but the class needs {}: latents and a variance"),
        ("cross_attention_dim", width, "the unet reads texts {} wide, but they are {} wide"),
        ("time_cond_proj_dim", width + _NOISE_LEVEL, "the unet reads {} numbers with the time step, but gets {}"),
    ):
        if unet[setting] != given:
            yield unet_rules.misfit(name, why.format(unet[setting], given))
    if other := _setting_of_others(unet):
        yield unet_rules.misfit(name, f"the unet is not one of a latent upscaler: it has {other}")
    yield from unet_rules.tokenizer_faults(name, parts, "text_encoder", "tokenizer")


def _sizes(request: Request) -> Iterator[Fault]:
    """Sizes at which the levels of the UNet, each half as large, don't fit together."""
    levels, image = len(request.checkpoint.components["unet"].full_config["block_out_channels"]), request.image
    # The UNet works at twice the size of the picture's latents.
    cell = max(1, request.space.factor * 2 ** (levels - 1) // 2)
    rules, name = replace(request.latents, multiple=cell), request.checkpoint.name
    for fault in size_faults(rules, request.space, name, (image.width, image.height), ("image", "image")):
        fix = f"let the stage before it paint a multiple of {cell} pixels, or put a latent_resize between them"
        yield replace(fault, fix=fix) if image.word == "latents" else fault
    for side, value in (("width", image.width), ("height", image.height)):
        if value is not None and value < 2 * cell:
            why = f"{name} needs at least {2 * cell}"
            yield Fault(f"the {side} {value} is too small", why, f"use {2 * cell} pixels or more", "image")


def _read_prompt(request: Request) -> Texts:
    """The encoding of the texts; without guidance at all, the class reads an empty text instead of the prompt."""
    if request.value("guidance_scale") or request.prompt in ("conditioning", "image_embedding"):
        return texts_by_readers(request)
    others = {port: facts for port, facts in request.facts.items() if port != "prompt"}
    texts = texts_by_readers(replace(request, facts=others))
    if request.facts["prompt"].text == "":
        return texts
    why = f"guidance_scale is 0, and {request.spec.pipeline} then reads an empty text"
    hint = Fault("prompt has no effect", why, 'write prompt: "", or raise guidance_scale', "prompt", "node-hint")
    return replace(texts, faults=(*texts.faults, hint))


LATENT_UPSCALER = Family(
    name="Stable Diffusion latent upscaler",
    pipelines=("StableDiffusionLatentUpscalePipeline",),
    parts={
        "unet": (UNET,),
        "vae": (AUTOENCODER_KL,),
        "text_encoder": (CLIP_TEXT,),
        "tokenizer": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "scheduler": SCHEDULERS,
    },
    denoiser="unet",
    texts=_READERS,
    latents=LatentRules(space=unet_rules.latent_space, encode=encode, decode=decode, multiple=8),
    stages={
        "upscale": StageSpec(
            defaults={"num_inference_steps": 75, "guidance_scale": 9.0},
            sample=sample,
            pipeline="StableDiffusionLatentUpscalePipeline",
            samplers=_EULER,
            latents=True,
            # The class reads the number of latent channels.
            reads_vae=True,
            rules=(_sizes,),
        )
    },
    own_size=unet_rules.own_size,
    rules=_rules,
    read_prompt=_read_prompt,
)
