"""Components on disk: config and half-precision safetensors under the libraries' own file names."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

import graphflow_embedded


def components() -> Path:
    """The folder of the committed components."""
    return graphflow_embedded.folder() / "components"


def save(model: nn.Module, name: str) -> int:
    """Write `model` as component `name` in float16; returns the bytes of its weights file."""
    folder = components() / name
    small = copy.deepcopy(model).to("cpu", torch.float16)
    small.to(memory_format=torch.contiguous_format)
    small.save_pretrained(folder)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
