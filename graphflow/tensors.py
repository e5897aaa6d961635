"""The one module of the engine that touches tensors; torch is imported inside its functions only."""

from __future__ import annotations

from typing import Any


def generator(seed: int) -> Any:
    """A new `torch.Generator` on the CPU with this seed (0 ≤ seed < 2**64)."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)
