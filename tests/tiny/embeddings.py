"""Random embeddings of words for the tiny checkpoints, in the formats in which they are published."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file


def vectors(seed: int, count: int, width: int = 16) -> torch.Tensor:
    """Vectors of a size that shows."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def make_embedding(path: Path, seed: int, *, count: int = 1, width: int = 16, key: str = "<dragon>") -> Path:
    """A file with one tensor: diffusers' format, or AUTOMATIC1111's if `key` is `emb_params`."""
    found = vectors(seed, count, width)
    # Diffusers saves a single vector without an axis for their number.
    save_file({key: found[0].clone() if count == 1 and key.startswith("<") else found}, path)
    return path


def make_xl_embedding(path: Path, seed: int, *, count: int = 1) -> Path:
    """A file for both text encoders of the tiny SDXL."""
    save_file({"clip_l": vectors(seed, count, 16), "clip_g": vectors(seed + 1, count, 24)}, path)
    return path
