"""Device, precision, threads and options of models: known before a run, without importing torch."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Self

from graphflow.errors import InvalidValue
from graphflow.system.available_options import Substitute, available
from graphflow.system.cpu_instructions import multiplies_bfloat16
from graphflow.system.free_cores import quota_threads
from graphflow.system.run_options import NO_OPTIONS, RunOptions, switch

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Name of each supported precision → bytes per element."""


@dataclass(frozen=True, slots=True)
class Compute:
    """A call's settings for computing.

    Attributes:
        device: as torch names it: `cpu`, `cuda`, `cuda:1`.
        dtype: a key of DTYPES, which overrides checkpoints; None for the checkpoint's own or the device's default.
        threads: torch's threads on a CPU, at least 1; None for torch's own number. It affects bits of results.
        options: the run options that are used.
        substitutes: the run options that the call asks for and this machine does not support.
        malloc_tuning: whether a run on a CPU may set how memory is allocated; it changes no results.
    """

    device: str = "cpu"
    dtype: str | None = None
    threads: int | None = None
    options: RunOptions = NO_OPTIONS
    substitutes: tuple[Substitute, ...] = ()
    malloc_tuning: bool = True

    @classmethod
    def of(
        cls,
        device: str | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        options: RunOptions = NO_OPTIONS,
        *,
        malloc_tuning: bool = True,
    ) -> Self:
        """Settings from a call's arguments: by default a GPU if available; the dtype `auto` means the fastest.

        Options that this machine does not support are replaced. If the call gives no number of threads, and a container
        may use fewer cores than torch would, the number is that of its quota.

        Raises:
            InvalidValue: a value is not allowed.
        """
        device = str(device) if device is not None else default_device()
        if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
            raise InvalidValue(f"{device!r} is not a device; write cpu, cuda or cuda:N")
        if dtype == "auto":
            dtype = _fastest(device)
        if dtype is not None and dtype not in DTYPES:
            raise InvalidValue(f"{dtype!r} is not a dtype; write {', '.join(DTYPES)} or auto")
        count: object = threads
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise InvalidValue(f"{threads!r} is not a number of threads; give 1 or more")
        threads = quota_threads() if threads is None else threads
        return cls(device, dtype, threads, *available(options, device), switch("malloc_tuning", malloc_tuning))

    def dtype_of(self, own: str | None) -> str:
        """The precision of a checkpoint whose own is `own`."""
        return self.dtype or own or ("float32" if self.device == "cpu" else "float16")


CPU = Compute()
"""The settings of a call without arguments that does not look for a GPU."""


def default_device() -> str:
    """`cuda` if there is a GPU, else `cpu`."""
    return "cuda" if count_gpus() else "cpu"


def count_gpus() -> int:
    """The number of GPUs according to the driver, without importing torch."""
    try:
        driver = _driver()
        count = ctypes.c_int()
        return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0
    except (OSError, AttributeError):
        return 0


def gpu_memory(device: str) -> int:
    """The bytes of memory of a GPU according to the driver, without importing torch; 0 if it does not say.

    Args:
        device: as torch names it: `cuda`, `cuda:1`.
    """
    try:
        driver = _driver()
        gpu, count = ctypes.c_int(), ctypes.c_size_t()
        number = int(device.partition(":")[2] or 0)
        known = driver.cuInit(0) == 0 and driver.cuDeviceGet(ctypes.byref(gpu), number) == 0
        return count.value if known and driver.cuDeviceTotalMem_v2(ctypes.byref(count), gpu) == 0 else 0
    except (OSError, AttributeError):
        return 0


def driver_version() -> int:
    """The version of CUDA that the GPU's driver supports, such as 12040; 0 if there is no driver."""
    try:
        driver = _driver()
        version = ctypes.c_int()
        return version.value if driver.cuDriverGetVersion(ctypes.byref(version)) == 0 else 0
    except (OSError, AttributeError):
        return 0


def _driver() -> ctypes.CDLL:
    """The library of the GPU's driver; raises OSError if there is none."""
    return ctypes.CDLL("nvcuda.dll" if hasattr(ctypes, "windll") else "libcuda.so.1")


def _fastest(device: str) -> str:
    """Half precision on a GPU; bfloat16 on a CPU that multiplies it in hardware, else float32."""
    if device != "cpu":
        return "float16"
    return "bfloat16" if multiplies_bfloat16() else "float32"
