"""The sampler table: which schedulers of diffusers can be named, which a checkpoint may bring, and what they do."""

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
"""Short name → diffusers class and what it sets in the checkpoint's config, which it starts from."""

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
"""What the param `scheduler` takes: a short name, or a class of diffusers as it is."""

OWN = (*CLASSES, "EDMDPMSolverMultistepScheduler", "EDMEulerScheduler")
"""Classes with which a checkpoint may come and be run; EDM's need settings that only such a checkpoint has."""

SCHEDULERS = tuple(ModelClass(name, "diffusers", "scheduler", defaults=defaults_of(name)) for name in sorted(OWN))
"""The same as classes of components."""

REPLACED: Mapping[str, str] = {
    "DDIMInverseScheduler": "it runs backwards, from pictures to noise",
    "DPMSolverMultistepInverseScheduler": "it runs backwards, from pictures to noise",
    "DPMSolverSDEScheduler": "it draws noise that no seed decides",
    "FlowMatchEulerDiscreteScheduler": "it is for flow-matching models, which none of the families here are",
    "FlowMatchHeunDiscreteScheduler": "it is for flow-matching models, which none of the families here are",
}
"""Classes with which a checkpoint may come, but that do not run: a stage names another in their place. → Why."""

PACKAGES: Mapping[str, str] = {"DPMSolverSDEScheduler": "torchsde", "LMSDiscreteScheduler": "scipy"}
"""Classes that diffusers has only beside a package."""

FROM_NOISE_ONLY = ("IPNDMScheduler",)
"""Those that cannot add noise to a picture or to latents, and so cannot start from them."""

TAKING_ETA = ("DDIMParallelScheduler", "DDIMScheduler", "TCDScheduler")
"""Those whose step reads `eta`; the others' calls leave it away without a word."""

RESUMING: Mapping[str, Mapping[str, Any]] = {
    "EulerDiscreteScheduler": {},
    "DDIMScheduler": {"eta": 0.0},
    "DPMSolverMultistepScheduler": {"solver_order": 1, "algorithm_type": "dpmsolver++"},
}
"""Samplers that go on exactly where another stage stopped, with the settings that this takes."""
