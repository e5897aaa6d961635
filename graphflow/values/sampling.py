"""The settings of a sampling step, as a frozen value with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from graphflow.values.latent_space import LatentSpace, Noise


@dataclass(frozen=True)
class SchedulerChoice:
    """The scheduler of a call: the checkpoint's own, or another class of diffusers built from its config.

    Attributes:
        own: class of the checkpoint's own scheduler.
        config: the config of that scheduler, as in the checkpoint's files.
        class_name: the class that replaces it; None if the checkpoint's own is used.
        changes: settings that replace those of the config.
    """

    own: str
    config: Mapping[str, Any]
    class_name: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """sha256 of all settings, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def shown(self) -> dict[str, Any]:
        """The settings that are shown to users."""
        return {"scheduler": self.class_name or self.own}


@dataclass(frozen=True)
class Sampling:
    """The settings of a sampling step.

    Attributes:
        denoiser: role of the component that denoises, which is also an argument of the pipeline.
        space: latent space of the resulting latents.
        seed: seed of the call's generator.
        settings: further arguments of the call, such as `guidance_scale`.
        scheduler: the scheduler of diffusers; None if the family samples without one.
        pipeline: class of the diffusers pipeline; empty if the step calls none.
        flags: arguments of that class besides its components.
        vae: whether the pipeline needs the VAE, to encode something or to read its settings.
        vae_argument: name of the argument for the VAE.
        sized: whether the call receives the size of `image` as `height` and `width`.
        beside: whether latents are also passed as `masked_image_latents`: some classes require this, but use them only
            with a denoiser made for inpainting.
        control: name of the argument for control pictures; empty if the class has none.
        readout: the readout of the family's text encoders; see `Conditioning`.
        joined: tensor of a conditioning → axis along which those of several text encoders are concatenated.
        guided: whether the call needs a negative text.
        zeros: whether the negative text is all zeros.
        noise: the noise that is left in the latents, if denoising ends before the last step.
    """

    denoiser: str
    space: LatentSpace
    seed: int
    settings: Mapping[str, Any]
    scheduler: SchedulerChoice | None = None
    pipeline: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)
    vae: bool = False
    vae_argument: str = "vae"
    sized: bool = False
    beside: bool = False
    control: str = ""
    readout: str = ""
    joined: Mapping[str, int] = field(default_factory=dict)
    guided: bool = False
    zeros: bool = False
    noise: Noise | None = None

    @cached_property
    def digest(self) -> str:
        """sha256 of all settings, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def shown(self) -> dict[str, Any]:
        """The settings that are shown to users."""
        return {"pipeline": self.pipeline or None, "scheduler": self._sampler, "seed": self.seed, **self.settings}

    @property
    def kind(self) -> str:
        """The classes of pipeline and scheduler, which determine the parts of the libraries that the call imports."""
        return f"{self.pipeline} {self._sampler}"

    @property
    def _sampler(self) -> str | None:
        return None if self.scheduler is None else self.scheduler.class_name or self.scheduler.own
