"""The one module of the engine that touches tensors; torch is imported inside its functions only."""

from __future__ import annotations

import hashlib
from typing import Any


def generator(seed: int) -> Any:
    """A new `torch.Generator` on the CPU with this seed (0 ≤ seed < 2**64)."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def digest(tensor: Any) -> str:
    """sha256 of type, shape, memory format and bytes of a tensor, in hexadecimal; the device doesn't matter.

    The memory format is part of it because convolutions of the same values in another format give other bits.
    """
    import torch

    last = tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
    whole = tensor.detach().to("cpu").contiguous()
    head = f"{whole.dtype} {tuple(whole.shape)} {'channels last' if last else 'contiguous'}\n".encode()
    # Reinterpreted as bytes, since numpy knows no bfloat16.
    return hashlib.sha256(head + whole.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def nbytes(tensor: Any) -> int:
    """Bytes of a tensor's elements."""
    return int(tensor.numel() * tensor.element_size())


def device_facts() -> str:
    """What of this machine decides the bytes of a computation: processor, its vector instructions, threads."""
    import platform

    import torch

    return (
        f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()} threads {torch.get_num_threads()} float32"
    )
