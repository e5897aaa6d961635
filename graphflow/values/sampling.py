"""What a sampling step is told, as one frozen value with a digest."""

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
    """A scheduler of diffusers, as a call makes it.

    Attributes:
        own: class of the checkpoint's own scheduler.
        config: what the checkpoint's files say.
        class_name: the class that takes its place; None if the checkpoint's own runs.
        changes: settings of that class over those of the checkpoint's config.
    """

    own: str
    config: Mapping[str, Any]
    class_name: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """sha256 of everything that is said here, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def shown(self) -> dict[str, Any]:
        """What a person wants to know of it."""
        return {"scheduler": self.class_name or self.own}


@dataclass(frozen=True)
class Sampling:
    """How a stage samples.

    Attributes:
        denoiser: role of the component that denoises; the pipeline has an argument of this name.
        space: of the latents that come out.
        seed: of the call's generator.
        settings: further arguments of the call, such as `guidance_scale`.
        scheduler: of diffusers; None if the family samples in its own way.
        pipeline: the diffusers class; empty if the step calls none.
        flags: arguments of the class beside its components.
        vae: whether the class encodes something, or reads a setting off the VAE.
        vae_argument: the argument of the class that takes the VAE.
        sized: whether the call has the size of `image` as its `height` and `width`.
        beside: whether latents also go in as `masked_image_latents`: some classes refuse them otherwise, and read these
            only with a denoiser made for inpainting.
        control: the argument that takes control pictures; empty if the class has none.
        readout: what the family reads of its text encoders; see `Conditioning`.
        joined: tensor of a conditioning → axis along which those of several text encoders are joined.
        guided: whether a negative text is needed.
        zeros: whether the negative text is all zeros.
        noise: what is known of the latents' noise, if denoising ends before the last step.
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
        """sha256 of everything that is said here, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def shown(self) -> dict[str, Any]:
        """What a person wants to know of it."""
        return {"pipeline": self.pipeline or None, "scheduler": self._sampler, "seed": self.seed, **self.settings}

    @property
    def kind(self) -> str:
        """What decides which parts of the libraries the call imports."""
        return f"{self.pipeline} {self._sampler}"

    @property
    def _sampler(self) -> str | None:
        return None if self.scheduler is None else self.scheduler.class_name or self.scheduler.own
