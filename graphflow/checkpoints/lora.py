"""LoRA files: which components one changes, whether it fits them, and what it is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphflow.checkpoints.weights import Tensors, digest_of_files, read_tensors
from graphflow.problems import Place

_ROLES = {
    "unet": re.compile(r"unet\.|lora_unet_"),
    "text_encoder": re.compile(r"text_encoder\.|lora_te1?_"),
    "text_encoder_2": re.compile(r"text_encoder_2\.|lora_te2_"),
}
"""Role → how the names of the tensors begin that change it, in diffusers' files and in Kohya's."""
_DOWN = r"(?:_lora)?\.(?:lora_A|lora_down|lora\.down|down)\.(?:default\.)?weight$"
_READING = {
    "unet": ("cross_attention_dim", re.compile(r"attn2[._](?:processor\.)?to_[kv]" + _DOWN)),
    "text_encoder": ("hidden_size", re.compile(r"self_attn[._][qkv]_proj" + _DOWN)),
    "text_encoder_2": ("hidden_size", re.compile(r"self_attn[._][qkv]_proj" + _DOWN)),
}
"""Role → the setting that says how wide what it reads is, and the tensors of a LoRA, (rank, width), that show it."""


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


def roles_in(names: Iterable[str]) -> frozenset[str]:
    """The components that a file with tensors of these names changes; none where it is no LoRA."""
    known = list(names)
    return frozenset(role for role, keys in _ROLES.items() if any(keys.match(name) for name in known))


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
    def _header(self) -> Tensors:
        return read_tensors(self.path)

    def misfit(self, role: str, config: Mapping[str, Any]) -> str:
        """Why it does not fit a component with this config; empty if it does, as far as its shapes show."""
        setting, reading = _READING[role]
        for name, tensor in self._header.tensors.items():
            if _ROLES[role].match(name) and reading.search(name) and len(tensor.shape) >= 2:
                width, own = tensor.shape[1], config.get(setting)
                fits = not isinstance(own, int) or width == own
                return "" if fits else f"it is for a {role} with {setting} {width}, and this one has {own}"
        return ""

    @cached_property
    def identity(self) -> str:
        """Its weights, what they are called, what the file says of them (alphas may stand there), and its scale."""
        named = sorted((name, one.dtype, one.shape) for name, one in self._header.tensors.items())
        told = json.dumps([named, sorted(self._header.metadata.items())])
        return f"{digest_of_files((self.path,))} {hashlib.sha256(told.encode()).hexdigest()} × {self.scale!r}"
