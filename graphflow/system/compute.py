"""Where models run and how precisely: known before a run, without importing torch."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from graphflow.errors import InvalidValue

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Name of each precision that components run in → bytes an element."""


@dataclass(frozen=True, slots=True)
class Compute:
    """What a call says about computing.

    Attributes:
        device: as torch names it: `cpu`, `cuda`, `cuda:1`.
        dtype: a key of DTYPES, above what checkpoints say; None for the checkpoint's own or the device's usual one.
        threads: of torch on a CPU, at least 1; None for torch's own number. It decides bits of results.
    """

    device: str = "cpu"
    dtype: str | None = None
    threads: int | None = None

    @classmethod
    def of(cls, device: str | None = None, dtype: str | None = None, threads: int | None = None) -> Self:
        """What a call asks for: no device means a GPU where there is one; the dtype `auto` takes the faster one.

        Raises:
            InvalidValue: a value is none of those known.
        """
        device = str(device) if device is not None else default_device()
        if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
            raise InvalidValue(f"{device!r} is no device; write cpu, cuda or cuda:N")
        if dtype == "auto":
            dtype = _faster(device)
        if dtype is not None and dtype not in DTYPES:
            raise InvalidValue(f"{dtype!r} is no dtype; write {', '.join(DTYPES)} or auto")
        count: object = threads
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise InvalidValue(f"{threads!r} is no number of threads; give 1 or more")
        return cls(device, dtype, threads)

    def dtype_of(self, own: str | None) -> str:
        """The precision of a checkpoint whose own is `own`."""
        return self.dtype or own or ("float32" if self.device == "cpu" else "float16")


CPU = Compute()
"""What holds where a call says nothing and nobody looks for a GPU."""


def default_device() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    return "cuda" if count_gpus() else "cpu"


def count_gpus() -> int:
    """GPUs that the driver counts, without importing torch."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if hasattr(ctypes, "windll") else "libcuda.so.1")
        count = ctypes.c_int()
        return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0
    except (OSError, AttributeError):
        return 0


def _faster(device: str) -> str:
    """Half precision on a GPU; bfloat16 on a CPU that multiplies it in hardware, else float32."""
    if device != "cpu":
        return "float16"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "float32"
    return "bfloat16" if "amx_bf16" in flags or "avx512_bf16" in flags else "float32"
