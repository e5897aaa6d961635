"""The sampler table: the schedulers of diffusers that can be named, those of checkpoints, and their properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.checkpoints.model_class import ModelClass
from graphflow_nodes.models.defaults import defaults_of

SHORT_NAMES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
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
"""Short name → diffusers class, and the settings that it changes in the checkpoint's config."""

CLASSES = (
    "DDIMParallelScheduler",
    "DDIMScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "IPNDMScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "SASolverScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
"""The scheduler classes that can be named: all their noise comes from the stage's generator."""

SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {**SHORT_NAMES, **{name: (name, {}) for name in CLASSES}}
"""The values of the param `scheduler`: a short name, or a class of diffusers."""

OWN = (*CLASSES, "EDMDPMSolverMultistepScheduler", "EDMEulerScheduler")
"""Classes of checkpoints' own schedulers that can run; EDM's need settings that only such a checkpoint has."""

SCHEDULERS = tuple(ModelClass(name, "diffusers", "scheduler", defaults=defaults_of(name)) for name in sorted(OWN))
"""The same classes as components."""

UNCLIP = ModelClass("UnCLIPScheduler", "diffusers", "scheduler", defaults=defaults_of("UnCLIPScheduler"))
"""The sampler of priors, which denoises embeddings and no latents."""

REPLACED: Mapping[str, str] = {
    "DDIMInverseScheduler": "it runs backwards, from pictures to noise",
    "DPMSolverMultistepInverseScheduler": "it runs backwards, from pictures to noise",
    "DPMSolverSDEScheduler": "it draws noise that does not depend on the seed",
    "FlowMatchEulerDiscreteScheduler": "it is for flow-matching models, which no supported family is",
    "FlowMatchHeunDiscreteScheduler": "it is for flow-matching models, which no supported family is",
}
"""Classes of checkpoints' own schedulers that cannot run, so that a stage must name another → reason."""

PACKAGES: Mapping[str, str] = {"DPMSolverSDEScheduler": "torchsde", "LMSDiscreteScheduler": "scipy"}
"""Classes that need another package."""

FROM_NOISE_ONLY = ("IPNDMScheduler",)
"""Those that cannot add noise to a picture or to latents, and so cannot start from them."""

TAKING_ETA = ("DDIMParallelScheduler", "DDIMScheduler", "TCDScheduler")
"""Classes whose step reads `eta`; for others it is silently ignored."""

RESUMING: Mapping[str, Mapping[str, Any]] = {
    "EulerDiscreteScheduler": {},
    "DDIMScheduler": {"eta": 0.0},
    "DPMSolverMultistepScheduler": {"solver_order": 1, "algorithm_type": "dpmsolver++"},
}
"""Samplers that can continue exactly where another stage stopped, with the settings that this requires."""
