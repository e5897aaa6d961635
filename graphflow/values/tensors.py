"""Functions on tensors, and torch's own settings: digests, safetensors files, generators, threads.

Beside `graphflow.execute.loader`, this is the only module of the engine that imports torch, inside its functions only.
The values made of tensors are in `graphflow.values.tensor_values`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.system.library_turns import COUNTS, TURNS
from graphflow.system.machine import processor_name


def generator(seed: int) -> Any:
    """A new `torch.Generator` on the CPU with this seed (0 ≤ seed < 2**64)."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


@contextlib.contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """Inside the block, torch computes with `count` threads in this thread; None for its own number.

    Raises:
        GraphflowError: a run in another thread computes with another number of threads.
    """
    with TURNS.loading():
        import torch

    with COUNTS.computing_with(count, torch.get_num_threads, torch.set_num_threads):
        yield


def digest(tensor: Any) -> str:
    """sha256 of dtype, shape, memory format and bytes of a tensor, in hexadecimal; the device doesn't matter.

    The memory format is included because convolutions of the same values in another format give other bits.
    """
    import torch

    last = _channels_last(tensor)
    whole = tensor.detach().to("cpu").contiguous()
    head = f"{whole.dtype} {tuple(whole.shape)} {'channels last' if last else 'contiguous'}\n".encode()
    # Reinterpreted as bytes, since numpy has no bfloat16.
    return hashlib.sha256(head + whole.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def to_safetensors(tensors: Mapping[str, Any], about: Mapping[str, str]) -> bytes:
    """A safetensors file of these tensors; its metadata is `about` and the names of tensors stored channels-last."""
    from safetensors.torch import save

    whole = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    last = [name for name, tensor in tensors.items() if _channels_last(tensor)]
    return bytes(save(whole, {**about, "channels_last": " ".join(last)}))


def _channels_last(tensor: Any) -> bool:
    import torch

    return bool(
        tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
    )


def nbytes(tensor: Any) -> int:
    """Bytes of a tensor's elements."""
    return int(tensor.numel() * tensor.element_size())


def settings(device: str) -> dict[str, Any]:
    """The facts that torch reports on which the bytes of results in this thread depend, as plain JSON data.

    Args:
        device: as torch names it; the GPU's settings are included for `cuda` only.

    Returns:
        `device_name`, `threads` and `cpu_capability`, and torch's other settings by name.

    Raises:
        RuntimeError: the device cannot be used.
    """
    import torch

    facts: dict[str, Any] = {
        "device_name": processor_name(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "mkldnn": torch.backends.mkldnn.enabled,
    }
    if device != "cpu":
        facts |= {
            "device_name": torch.cuda.get_device_name(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        }
    return facts
