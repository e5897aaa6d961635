"""Stable Diffusion's ×4 upscaler, which paints a picture at four times its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphflow.checkpoints.family import Family, LatentRules, StageSpec, TextReader
from graphflow.problems import Fault
from graphflow.values.latent_space import LatentSpace
from graphflow_nodes.families import unet_rules
from graphflow_nodes.families.loras import SD_LORAS
from graphflow_nodes.families.unet_rules import Parts
from graphflow_nodes.models.clip import CLIP_TEXT, CLIP_TOKENIZER, CLIP_TOKENIZER_FAST
from graphflow_nodes.models.samplers import SCHEDULERS
from graphflow_nodes.models.unet import UNET
from graphflow_nodes.models.vae import AUTOENCODER_KL
from graphflow_nodes.planning.request import Request
from graphflow_nodes.planning.sampler_settings import conflicts, misfit
from graphflow_nodes.steps.encode_text import encode_last
from graphflow_nodes.steps.super_resolution import sample_beside_picture
from graphflow_nodes.steps.vae import decode_upcast, encode
from graphflow_nodes.steps.weighted_text import weigh_last

_TEXTS = (TextReader("text_encoder", "tokenizer", encode_last, "the last hidden state", weigh_last),)
_SCALE = 4
"""The class makes latents of one cell for each pixel, so this is the factor of its VAE."""
_SCALING = 0.08333
"""The class writes this scaling factor into the config of its VAE, whatever is there."""
_COLORS = 3
_MOST_NOISE = 350
"""The default of the class for max_noise_level."""
_LOW = "low_res_scheduler"
_DDPM = next(one for one in SCHEDULERS if one.name == "DDPMScheduler")


def _space(parts: Parts) -> LatentSpace:
    return replace(unet_rules.latent_space(parts), scaling_factor=_SCALING)


def _rules(name: str, parts: Parts) -> Iterator[Fault]:
    yield from unet_rules.part_faults(name, parts, _TEXTS)
    unet, space = parts["unet"].full_config, unet_rules.latent_space(parts)
    if unet["in_channels"] != space.channels + _COLORS:
        why = f"the unet has {unet['in_channels']} channels, but latents and picture have {space.channels + _COLORS}"
        yield unet_rules.misfit(name, why)
    if space.factor != _SCALE:
        why = f"the vae makes pictures {space.factor} times as large as latents, but this family needs {_SCALE}"
        yield unet_rules.misfit(name, why)
    for found in (parts[_LOW].class_name, parts[_LOW].config.get("_class_name", _DDPM.name)):
        if found != _DDPM.name:
            yield unet_rules.misfit(name, f"the {_LOW} is {found}, but must be {_DDPM.name}")
            return


def _noise_faults(request: Request) -> Iterator[Fault]:
    """Faults of a scheduler that cannot add noise to the picture, and of a noise level that is too high."""
    name, parts = request.checkpoint.name, request.checkpoint.components
    if faults := list(_settings_faults(name, parts[_LOW].full_config)):
        yield from faults
        return
    known, steps = parts["unet"].full_config["num_class_embeds"], parts[_LOW].full_config["num_train_timesteps"]
    if known is None:
        why = "its unet does not read the noise level of the picture"
        yield Fault(f"{name} cannot run {request.node}", why, "name another checkpoint", "checkpoint")
        return
    level, most = request.value("noise_level"), min(_MOST_NOISE, known - 1, steps - 1)
    if level > most:
        why = f"{name} knows levels up to {most}"
        yield Fault(f"noise_level cannot be {level}", why, f"write {most} or less", "noise_level")


def _settings_faults(name: str, config: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of settings with which the second scheduler would fail in the middle of a run."""
    defaults = _DDPM.defaults() if _DDPM.defaults else {}
    fixes = {key: misfit(_DDPM.name, key, config[key], default) for key, default in defaults.items()}
    wrong = {key: fix for key, fix in fixes.items() if fix} or {
        key: fix for key, _, fix in conflicts(_DDPM.name, config)
    }
    for key, fix in wrong.items():
        message = f"the setting {key} of the {_LOW} of {name} cannot be {config[key]!r}"
        why = f"{_DDPM.name} does not take this value of scheduler_config.json"
        yield Fault(message, why, f"{fix} there", "checkpoint", "checkpoint-broken")


SUPER_RESOLUTION = Family(
    name="Stable Diffusion ×4 upscaler",
    pipelines=("StableDiffusionUpscalePipeline",),
    parts={
        "unet": (UNET,),
        "vae": (AUTOENCODER_KL,),
        "text_encoder": (CLIP_TEXT,),
        "tokenizer": (CLIP_TOKENIZER, CLIP_TOKENIZER_FAST),
        "scheduler": SCHEDULERS,
        _LOW: (_DDPM,),
    },
    denoiser="unet",
    texts=_TEXTS,
    latents=LatentRules(space=_space, encode=encode, decode=decode_upcast, multiple=_SCALE, upcasts=True),
    stages={
        "super_resolution": StageSpec(
            defaults={"num_inference_steps": 75, "guidance_scale": 9.0, "noise_level": 20, "eta": 0.0},
            sample=sample_beside_picture,
            pipeline="StableDiffusionUpscalePipeline",
            borrows=(_LOW,),
            alone="super_resolution samples one picture at a time",
            rules=(_noise_faults,),
        )
    },
    own_size=unet_rules.own_size,
    rules=_rules,
    loras=SD_LORAS,
)
