"""The schedulers of diffusers that a checkpoint may bring, or a stage or a document name."""

from __future__ import annotations

from graphflow.checkpoints.model_class import ModelClass
from graphflow_nodes.models.defaults import defaults_of

_NAMES = (
    "DDIMParallelScheduler",
    "DDIMScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EDMDPMSolverMultistepScheduler",
    "EDMEulerScheduler",
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

SCHEDULERS = tuple(ModelClass(name, "diffusers", "scheduler", defaults=defaults_of(name)) for name in _NAMES)
