"""Functions on tensors, and torch's own settings: digests, safetensors files, generators, threads.

Beside `graphflow.execute.loader`, this is the only module of the engine that imports torch, inside its functions only.
The values made of tensors are in `graphflow.values.tensor_values`.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


def free_caches(device: str) -> None:
    """Return memory that nothing refers to any more: cycles of Python objects, and blocks that torch keeps on a GPU."""
    gc.collect()
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()


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


_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
"""Type of tensors in safetensors files → its name in torch."""


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor without torch.

    Attributes:
        dtype: its type as safetensors files name it, such as BF16.
        shape: its shape.
        data: its elements in order, one after the other.
        channels_last: whether torch stores it in this memory format; `data` never is.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview
    channels_last: bool = False


def to_raw(tensor: Any) -> RawTensor:
    """The elements of a tensor of any device and memory format; they may be shared with the tensor.

    Raises:
        ValueError: it has another type than those of `_DTYPES`.
    """
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    dtype = next((known for known, its in _DTYPES.items() if its == name), None)
    if dtype is None:
        raise ValueError(f"tensors of the type {name} cannot be stored")
    whole = tensor.detach().to("cpu").contiguous()
    data = memoryview(whole.reshape(-1).view(torch.uint8).numpy())
    return RawTensor(dtype, tuple(map(int, tensor.shape)), data, _channels_last(tensor))


def of_raw(raw: RawTensor) -> Any:
    """A new tensor on the CPU with these elements.

    Raises:
        ValueError: the type is unknown, or the elements are too few or too many for the shape.
    """
    import torch

    if raw.dtype not in _DTYPES:
        raise ValueError(f"{raw.dtype} is not a type of tensors")
    dtype = getattr(torch, _DTYPES[raw.dtype])
    if len(raw.data) != math.prod(raw.shape) * dtype.itemsize:
        raise ValueError(f"a tensor of the shape {raw.shape} has more or fewer bytes than {len(raw.data)}")
    if not raw.data:
        return torch.empty(raw.shape, dtype=dtype)
    # A copy that only the tensor refers to, since a tensor can be changed in place.
    tensor = torch.frombuffer(bytearray(raw.data), dtype=dtype).reshape(raw.shape)
    return tensor.contiguous(memory_format=torch.channels_last) if raw.channels_last else tensor


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
