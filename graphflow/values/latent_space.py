"""Latent spaces: which VAE latents belong to, how they are scaled, and whether another VAE can read them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

ALIAS = "files "
"""How a digest of weights begins that is made of the digests of their files, because nobody has read them yet."""


class Match(Enum):
    """How two latent spaces compare."""

    SAME = "same"
    SIBLING = "sibling"
    """Same facts, different weights of the same precision: probably a fine-tuned VAE."""
    PRECISION = "precision"
    """Same facts, different weights because the files' precision differs."""
    UNKNOWN = "unknown"
    """Same facts; whether the weights are the same shows when they are read."""
    OTHER = "other"


@dataclass(frozen=True)
class Noise:
    """Facts of latents whose denoising stopped before the last step.

    Attributes:
        fraction: share of the steps that were run, above 0 and below 1.
        sampler: class of the scheduler.
        config: its settings, as JSON.
        steps: `num_inference_steps` of the stage that returned them.
    """

    fraction: float
    sampler: str
    config: str
    steps: int

    def to_json(self) -> str:
        """The noise as text, for a step's params."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> Noise:
        """The noise that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class LatentSpace:
    """A latent space, read from a VAE's config and weights.

    Attributes:
        vae: the VAE's class, such as AutoencoderKL.
        channels: latent channels.
        scaling_factor, shift_factor: latents on edges are (z - shift) * scaling.
        mean, std: per channel, for VAEs that have them.
        factor: pixels per latent cell and axis.
        weights: digest of the VAE's weights; of weights that are not on this machine yet, one that starts with `ALIAS`.
        precision: dtype of the file's tensors, such as F16.
    """

    vae: str
    channels: int
    scaling_factor: float
    factor: int
    shift_factor: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    weights: str = ""
    precision: str = field(default="", compare=False)

    def to_json(self) -> str:
        """The space as text, for a step's params."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> LatentSpace:
        """The space that `to_json` wrote."""
        fields = json.loads(text)
        for name in ("mean", "std"):
            fields[name] = tuple(fields[name]) if fields[name] is not None else None
        return cls(**fields)

    def match(self, other: LatentSpace) -> Match:
        """How `other` compares with this space."""
        mine, theirs = self._facts(), other._facts()
        if mine != theirs:
            return Match.OTHER
        if self.weights == other.weights:
            return Match.SAME
        if self.weights.startswith(ALIAS) or other.weights.startswith(ALIAS):
            return Match.UNKNOWN
        return Match.SIBLING if self.precision == other.precision else Match.PRECISION

    def _facts(self) -> tuple[Any, ...]:
        return self.vae, self.channels, self.scaling_factor, self.factor, self.shift_factor, self.mean, self.std

    def __str__(self) -> str:
        return f"{self.vae}, {self.channels} channels, factor {self.factor}, scale {self.scaling_factor:g}"
