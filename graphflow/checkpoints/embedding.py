"""Embeddings (textual inversion): files that add words to text encoders, and whether they fit these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from graphflow.checkpoints.added_file import AddedFile
from graphflow.checkpoints.safetensors_header import Tensor
from graphflow.problems import Place
from graphflow.text_helpers.words import counted

USUAL_FILE = "learned_embeds.safetensors"
"""Name of the file that training scripts of diffusers write."""
_NAMELESS = ("emb_params", "string_to_param", "string_to_param.*", "*")
"""Names of the only tensor in files that name their word only by the file's name, as in AUTOMATIC1111's format."""


@dataclass(frozen=True)
class EmbeddingTarget:
    """A text encoder of a family to which embeddings may add words.

    Attributes:
        role: role of the text encoder.
        tokenizer: role of its tokenizer.
        setting: setting in the encoder's config for the number of elements of a word's vector.
        name: name of its tensor in files for several text encoders; empty if the family has only one.
        add: `add(tokenizer, encoder, vectors)` adds words to the loaded tokenizer, and their vectors to the loaded
            encoder, unless it is None. `vectors` is word → tensor of one dimension.
    """

    role: str
    tokenizer: str
    setting: str
    name: str
    add: Callable[[Any, Any, Mapping[str, Any]], None]


Widths = Mapping[EmbeddingTarget, int]
"""Text encoder of a checkpoint → number of elements of a word's vector."""


@dataclass(frozen=True)
class Words:
    """The words that a file adds to one text encoder.

    Attributes:
        file: the file.
        tensor: name of its tensor: a vector, or one vector for each word.
        tokens: the words; a text names all of them by the first one.
    """

    file: AddedFile
    tensor: str
    tokens: tuple[str, ...]

    @property
    def identity(self) -> str:
        """A text that differs if a word or its vector does."""
        return f"{self.file.weights_digest} {self.tensor} {' '.join(self.tokens)}"


@dataclass(frozen=True)
class Embedding:
    """A file that adds words to the text encoders of a checkpoint.

    Attributes:
        file: its file.
        token: the word by which texts name it.
        place: place in the document.
    """

    file: AddedFile
    token: str
    place: Place | None = field(default=None, compare=False, repr=False)

    def words(self, widths: Widths) -> dict[str, Words]:
        """Role of a text encoder → the words that it gets; empty if the file does not fit."""
        tensors = self.file.header.tensors
        own = {target.role: target.name for target in widths if target.name in tensors}
        if not own and len(tensors) == 1:
            ((name, tensor),) = tensors.items()
            # A file of one tensor is for the first text encoder of its width.
            fitting = (target.role for target, width in widths.items() if width == tensor.shape[-1])
            own = dict.fromkeys(islice(fitting, 1), name)
        return {role: Words(self.file, name, self._tokens(tensors[name])) for role, name in own.items()}

    def _tokens(self, tensor: Tensor) -> tuple[str, ...]:
        """The names that diffusers gives to the words of several vectors."""
        count = 1 if len(tensor.shape) == 1 else tensor.shape[0]
        return (self.token, *(f"{self.token}_{number}" for number in range(1, count)))

    def misfit(self, widths: Widths) -> str:
        """The reason why it does not fit text encoders of these widths; empty if it fits."""
        tensors = self.file.header.tensors
        for target, width in widths.items():
            if target.name in tensors and (own := tensors[target.name].shape[-1]) != width:
                numbers = counted(own, "number")
                return f"the vectors of its {target.name} have {numbers}, those of the {target.role} {width}"
        if self.words(widths):
            return ""
        if len(tensors) > 1:
            return f"it has words for several text encoders: {', '.join(tensors)}"
        ((_, tensor),) = tensors.items()
        theirs = " and ".join(f"those of the {target.role} {width}" for target, width in widths.items())
        return f"its vectors have {counted(tensor.shape[-1], 'number')}, {theirs}"


def token_in(tensors: Mapping[str, Tensor], stem: str, targets: Iterable[EmbeddingTarget]) -> str | None:
    """The word of a file with these tensors; None if it is not an embedding.

    Args:
        tensors: of the file.
        stem: name of the file, without its ending.
        targets: of all families.

    Source: load_textual_inversion of diffusers, and AUTOMATIC1111's textual_inversion.py.
    """
    if any(len(one.shape) not in (1, 2) or not all(one.shape) or "F" not in one.dtype for one in tensors.values()):
        return None
    if any(target.name in tensors for target in targets):
        return stem
    if len(tensors) != 1:
        return None
    (only,) = tensors
    return stem if only in _NAMELESS else only
