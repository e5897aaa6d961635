"""LoRA files: the components that a file changes, whether it fits them, and its identity."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphflow.checkpoints.added_file import AddedFile
from graphflow.problems import Place

USUAL_FILE = "pytorch_lora_weights.safetensors"
"""Name of the LoRA file that training scripts of diffusers write."""


@dataclass(frozen=True)
class LoraTarget:
    """A component of a family that LoRA files may change.

    Attributes:
        role: role of the component.
        names: matches the beginning of the names of the tensors that change it.
        setting: setting in the component's config for the width of the input of `reading`.
        reading: matches tensors, of shape (rank, width), that show the width for which a LoRA was trained.
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
    """The kind of a file with these tensors, if it is an adapter that is not a plain LoRA; otherwise empty."""
    known = list(names)
    return next((kind for kind, pattern in _OTHER_KINDS.items() if any(map(pattern.search, known))), "")


def roles_in(names: Iterable[str], targets: Iterable[LoraTarget]) -> frozenset[str]:
    """The components that a file with these tensors changes; empty if it is not a LoRA for any of the targets."""
    known = list(names)
    return frozenset(target.role for target in targets if any(map(target.names.match, known)))


@dataclass(frozen=True)
class Lora:
    """A LoRA file that is added to a checkpoint.

    Attributes:
        file: its file.
        scale: strength of its effect; 1 = as trained.
        roles: the components that it changes.
        place: place in the document.
    """

    file: AddedFile
    scale: float
    roles: frozenset[str]
    place: Place | None = field(default=None, compare=False, repr=False)

    def misfit(self, target: LoraTarget, config: Mapping[str, Any]) -> str:
        """The reason why it does not fit a component with this config, by its shapes; empty if it fits."""
        for name, tensor in self.file.header.tensors.items():
            if target.names.match(name) and target.reading.search(name) and len(tensor.shape) >= 2:
                width, own = tensor.shape[1], config.get(target.setting)
                fits = not isinstance(own, int) or width == own
                return (
                    "" if fits else f"it is for a {target.role} with {target.setting} {width}, and this one has {own}"
                )
        return ""

    @cached_property
    def identity(self) -> str:
        """A digest of its weights, with their names, the file's metadata, which may contain alphas, and the scale."""
        tensors = sorted((name, tensor.dtype, tensor.shape) for name, tensor in self.file.header.tensors.items())
        facts = json.dumps([tensors, sorted(self.file.header.metadata.items())])
        return f"{self.file.weights_digest} {hashlib.sha256(facts.encode()).hexdigest()} × {self.scale!r}"
