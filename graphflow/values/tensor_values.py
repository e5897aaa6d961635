"""Values made of tensors: latents and text embeddings.

A tensor cannot be made read-only, so these values expose their tensors' `_version`: the engine compares it before
and after every step and names a step that changed a tensor in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from graphflow.values import tensors
from graphflow.values.latent_space import LatentSpace, Noise

TENSORS = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)
"""The tensors of a conditioning."""


@dataclass(frozen=True, eq=False)
class Latents:
    """Latents of one picture.

    Attributes:
        tensor: (1, C, h, w), scaled as the space's VAE expects it between stages.
        space: the space of the VAE they belong to.
        noise: where their denoising stopped, for latents that are still noisy.
    """

    tensor: Any
    space: LatentSpace
    noise: Noise | None = None

    word: ClassVar[str] = "latents"

    @property
    def width(self) -> int:
        """Pixels per row of the picture that the latents stand for."""
        return int(self.tensor.shape[-1]) * self.space.factor

    @property
    def height(self) -> int:
        """Rows of that picture."""
        return int(self.tensor.shape[-2]) * self.space.factor

    @property
    def version(self) -> int:
        """A number that changes when the tensor is changed in place."""
        return int(self.tensor._version)

    @property
    def nbytes(self) -> int:
        return tensors.nbytes(self.tensor)

    @cached_property
    def digest(self) -> str:
        """sha256 of the tensor, its space and its noise, in hexadecimal."""
        noise = self.noise.to_json() if self.noise is not None else ""
        return f"{tensors.digest(self.tensor)} {self.space.to_json()} {noise}"


@dataclass(frozen=True, eq=False)
class Conditioning:
    """A text as a model reads it: the encoded prompt, and with guidance the negative prompt.

    Attributes:
        prompt_embeds: (1, tokens, width).
        negative_prompt_embeds: the same shape; None if no negative prompt is encoded.
        pooled_prompt_embeds, negative_pooled_prompt_embeds: (1, width), if the family reads them.
        readout: how the family reads its encoder, such as `sd`; other families refuse it.
        encoder: identity of the text encoder.
    """

    prompt_embeds: Any
    negative_prompt_embeds: Any = None
    pooled_prompt_embeds: Any = None
    negative_pooled_prompt_embeds: Any = None
    readout: str = ""
    encoder: str = ""

    word: ClassVar[str] = "conditioning"

    def _tensors(self) -> list[Any]:
        return [tensor for name in TENSORS if (tensor := getattr(self, name)) is not None]

    @property
    def version(self) -> tuple[int, ...]:
        """Numbers that change when a tensor is changed in place."""
        return tuple(int(tensor._version) for tensor in self._tensors())

    @property
    def nbytes(self) -> int:
        return sum(map(tensors.nbytes, self._tensors()))

    @cached_property
    def digest(self) -> str:
        """sha256 of all tensors, in hexadecimal."""
        named = [f"{name} {tensors.digest(value)}" for name in TENSORS if (value := getattr(self, name)) is not None]
        return " ".join([self.readout, self.encoder, *named])
