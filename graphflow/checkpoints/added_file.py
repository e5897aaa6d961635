"""A file that is added to a component, such as a LoRA or an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from graphflow.checkpoints.reading import read_header
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.weights_digest import digest_of_files


@dataclass(frozen=True)
class AddedFile:
    """A file of weights.

    Attributes:
        path: a .safetensors file.
    """

    path: Path

    @cached_property
    def header(self) -> Tensors:
        """The header of the file.

        Raises:
            Refusal: the file is truncated, or is not a safetensors file.
        """
        return read_header(self.path)

    @cached_property
    def weights_digest(self) -> str:
        """Digest of its tensors."""
        return digest_of_files((self.path,))
