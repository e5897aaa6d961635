"""LoRA files: which components one changes, whether it fits them, and what it is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphflow.checkpoints.safetensors_header import Tensors, read_tensors
from graphflow.checkpoints.weights_digest import digest_of_files
from graphflow.problems import Place

USUAL_FILE = "pytorch_lora_weights.safetensors"
"""How training scripts of diffusers call a LoRA file."""


@dataclass(frozen=True)
class LoraTarget:
    """What LoRA files may change of a family.

    Attributes:
        role: of the component.
        names: matches the beginning of the names of the tensors that change it.
        setting: of the component's config: how wide the input of `reading` is.
        reading: matches the tensors, of shape (rank, width), that show for which width a LoRA was made.
        apply: `apply(model, path, adapter)` adds the file to the loaded component under the name `adapter`.
    """

    role: str
    names: re.Pattern[str]
    setting: str
    reading: re.Pattern[str]
    apply: Callable[[Any, Path, str], None]


_OTHER_KINDS = {
    "LoHa": re.compile(r"\.hada_[wt]\d"),
    "LoKr": re.compile(r"\.lokr_[wt]\d"),
    "OFT": re.compile(r"\.oft_(blocks|diag)"),
    "IA3": re.compile(r"\.on_input$"),
    "LoCon with a third matrix": re.compile(r"\.lora_mid\.weight$"),
}
"""Kind of LyCORIS file → the pattern of a tensor that identifies it; diffusers applies none of these."""


def other_kind(names: Iterable[str]) -> str:
    """Which of the kinds of adapter that are no LoRA has tensors of these names; empty if none."""
    known = list(names)
    return next((kind for kind, told in _OTHER_KINDS.items() if any(map(told.search, known))), "")


def roles_in(names: Iterable[str], targets: Iterable[LoraTarget]) -> frozenset[str]:
    """The components that a file with tensors of these names changes; none if it is no LoRA for one of the targets."""
    known = list(names)
    return frozenset(target.role for target in targets if any(map(target.names.match, known)))


@dataclass(frozen=True)
class Lora:
    """A LoRA file laid over a checkpoint.

    Attributes:
        path: a .safetensors file.
        scale: how strongly it counts; 1 = as trained.
        roles: the components that it changes.
        place: where it is written.
    """

    path: Path
    scale: float
    roles: frozenset[str]
    place: Place | None = field(default=None, compare=False, repr=False)

    @cached_property
    def header(self) -> Tensors:
        """What the file's header tells."""
        return read_tensors(self.path)

    @cached_property
    def weights_digest(self) -> str:
        """Digest of its tensors."""
        return digest_of_files((self.path,))

    def misfit(self, target: LoraTarget, config: Mapping[str, Any]) -> str:
        """Why it does not fit a component with this config; empty if it does, as far as its shapes show."""
        for name, tensor in self.header.tensors.items():
            if target.names.match(name) and target.reading.search(name) and len(tensor.shape) >= 2:
                width, own = tensor.shape[1], config.get(target.setting)
                fits = not isinstance(own, int) or width == own
                return (
                    "" if fits else f"it is for a {target.role} with {target.setting} {width}, and this one has {own}"
                )
        return ""

    @cached_property
    def identity(self) -> str:
        """Its weights, what they are called, what the file says of them (alphas may stand there), and its scale."""
        named = sorted((name, one.dtype, one.shape) for name, one in self.header.tensors.items())
        told = json.dumps([named, sorted(self.header.metadata.items())])
        return f"{self.weights_digest} {hashlib.sha256(told.encode()).hexdigest()} × {self.scale!r}"
