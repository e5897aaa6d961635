"""Values made of tensors: latents, text embeddings and image embeddings.

A tensor cannot be made read-only, so these values expose their tensors' `_version`: the engine compares it before
and after every step and names a step that changed a tensor in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from graphflow.values import tensors
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow.values.encoding import Encoding
from graphflow.values.latent_space import LatentSpace, Noise

_NEGATIVE = "negative_"


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

    def __str__(self) -> str:
        return f"latents {_size(self.tensor)}"

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
        """Text that is equal for equal values: the tensor's sha256, the space and the noise."""
        noise = self.noise.to_json() if self.noise is not None else ""
        return f"{tensors.digest(self.tensor)} {self.space.to_json()} {noise}"


@dataclass(frozen=True, eq=False)
class Conditioning:
    """A text as a model reads it: the encoded prompt, and with guidance the negative prompt.

    Attributes:
        tensors: argument of the pipeline → tensor, such as `prompt_embeds` (1, tokens, width) and
            `pooled_prompt_embeds` (1, width); those of a negative text begin with `negative_`. Cannot be changed.
        readout: what was read of the text encoder; a family that reads another one refuses it. Empty if unknown.
        encoder: identity of the text encoder.
    """

    tensors: Mapping[str, Any]
    readout: str = ""
    encoder: str = ""

    word: ClassVar[str] = "conditioning"

    def __str__(self) -> str:
        return _named("conditioning", self.tensors)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(sorted(self.tensors.items()))))

    @property
    def positive(self) -> dict[str, Any]:
        """The tensors of the prompt."""
        return {name: tensor for name, tensor in self.tensors.items() if not name.startswith(_NEGATIVE)}

    @property
    def negative(self) -> dict[str, Any]:
        """The tensors of the negative prompt, under the names of the prompt's; empty if none was encoded."""
        named = {name: tensor for name, tensor in self.tensors.items() if name.startswith(_NEGATIVE)}
        return {name.removeprefix(_NEGATIVE): tensor for name, tensor in named.items()}

    @property
    def encoding(self) -> Encoding:
        """How the text was encoded."""
        embeds = self.tensors.get("prompt_embeds")
        width = None if embeds is None else int(embeds.shape[-1])
        return Encoding(self.readout, width, any(name.startswith(_NEGATIVE) for name in self.tensors))

    @property
    def version(self) -> tuple[int, ...]:
        """Numbers that change when a tensor is changed in place."""
        return tuple(int(tensor._version) for tensor in self.tensors.values())

    @property
    def nbytes(self) -> int:
        return sum(map(tensors.nbytes, self.tensors.values()))

    @cached_property
    def digest(self) -> str:
        """Text that is equal for equal values: readout, encoder, and the sha256 of each tensor."""
        named = [f"{name} {tensors.digest(tensor)}" for name, tensor in self.tensors.items()]
        return " ".join([self.readout, self.encoder, *named])


@dataclass(frozen=True, eq=False)
class ImageEmbedding:
    """What a picture should show, and what it should not, as embeddings of an image encoder.

    Attributes:
        positive, negative: (1, width) each.
        space: of both.
        generator: (bytes,), the state of the generator that drew for it, if a stage continues with it.
    """

    positive: Any
    negative: Any
    space: EmbeddingSpace
    generator: Any | None = None

    word: ClassVar[str] = "image_embedding"

    def __str__(self) -> str:
        return _named("image embedding", {"positive": self.positive, "negative": self.negative})

    @property
    def tensors(self) -> dict[str, Any]:
        """Argument of a pipeline → tensor."""
        return {"image_embeds": self.positive, "negative_image_embeds": self.negative}

    @property
    def version(self) -> tuple[int, ...]:
        """Numbers that change when a tensor is changed in place."""
        return tuple(int(tensor._version) for tensor in self._all)

    @property
    def nbytes(self) -> int:
        return sum(map(tensors.nbytes, self._all))

    @cached_property
    def digest(self) -> str:
        """Text that is equal for equal values: the space and the sha256 of each tensor."""
        return " ".join([*map(tensors.digest, self._all), self.space.to_json()])

    @property
    def _all(self) -> list[Any]:
        return [self.positive, self.negative, *([] if self.generator is None else [self.generator])]


def _named(word: str, tensors: Mapping[str, Any]) -> str:
    return f"{word}: {', '.join(f'{name} {_size(tensor)}' for name, tensor in tensors.items())}"


def _size(tensor: Any) -> str:
    return f"{' × '.join(map(str, tensor.shape))}, {str(tensor.dtype).removeprefix('torch.')}"
