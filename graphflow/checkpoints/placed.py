"""Components as stages use them: in a precision, on a device, with LoRAs and words that are added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from graphflow.checkpoints.added_file import AddedFile
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.embedding import EmbeddingTarget, Words
from graphflow.checkpoints.lora import Lora, LoraTarget
from graphflow.system.device import DTYPES
from graphflow.system.run_options import NO_OPTIONS, RunOptions
from graphflow.values.component import Component


@dataclass(frozen=True)
class AddedWords:
    """Words that embeddings add to a text encoder and to its tokenizer.

    Attributes:
        words: in the order in which they are added.
        target: how they are added.
        tokenizer: files of the tokenizer.
    """

    words: tuple[Words, ...]
    target: EmbeddingTarget
    tokenizer: ComponentFiles

    @property
    def tokens(self) -> tuple[str, ...]:
        """All words."""
        return tuple(token for one in self.words for token in one.tokens)


@dataclass(frozen=True)
class Placed:
    """A component as used by a stage.

    Attributes:
        files: its files.
        dtype: a key of `graphflow.system.device.DTYPES`.
        device: name of the device in torch.
        loras: the LoRAs that are added to it, in this order.
        target: how LoRAs are applied; None if there are none.
        options: the run options that its class has.
        words: the words that are added to it, if it is a text encoder or a tokenizer; None if there are none.
    """

    files: ComponentFiles
    dtype: str = "float32"
    device: str = "cpu"
    loras: tuple[Lora, ...] = ()
    target: LoraTarget | None = None
    options: RunOptions = NO_OPTIONS
    words: AddedWords | None = None

    @property
    def added(self) -> tuple[AddedFile, ...]:
        """The files that are added to it."""
        words = () if self.words is None else self.words.words
        return (*(lora.file for lora in self.loras), *(one.file for one in words))

    @property
    def component(self) -> Component:
        """The component for the `uses` of steps; a component without weights has no precision or device."""
        if not self.files.weights:
            tokens = () if self.words is None else self.words.tokens
            identity = _digest(self.files.identity, *tokens) if tokens else self.files.identity
            return Component(identity, 0, self.files.label, self)
        loras = [lora.identity for lora in self.loras]
        parts = [self.files.identity, self.dtype, self.device, *loras, *self._option_facts]
        if self.words is not None:
            # The tokenizer determines the numbers of the words.
            parts += [self.words.tokenizer.identity, *self.embeddings]
        nbytes = DTYPES[self.dtype] * sum(header.count for header in self.files.headers)
        return Component(_digest(*parts), nbytes, self.files.label, self, self._offload)

    @property
    def embeddings(self) -> tuple[str, ...]:
        """The identities of the words that are added to it."""
        return () if self.words is None else tuple(one.identity for one in self.words.words)

    @property
    def _offload(self) -> str:
        """Where it is while nothing computes with it; a plan may choose another value than none for `auto`."""
        return "none" if self.options.offload == "auto" else self.options.offload

    @property
    def _option_facts(self) -> list[str]:
        """The run options that change its results, with the size of tiles, which is not part of a model's identity."""
        given = [f"{name} {value}" for name, value in self.options.without("offload").given.items()]
        return [*given, f"size {self.files.full_config.get('sample_size')}"] if self.options.vae_tiling else given


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
