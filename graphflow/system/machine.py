"""This machine as far as results of torch depend on it, known without importing torch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from graphflow.system.cpu_instructions import instructions
from graphflow.system.device import driver_version
from graphflow.system.free_cores import Cores

VARIABLES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_CUDNN_SDPA_ENABLED", "PYTORCH_NVFUSER_DISABLE",
)  # fmt: skip
"""Environment variables that change the results of torch."""

_CPUINFO = Path("/proc/cpuinfo")


def set_variables() -> dict[str, str]:
    """Those of VARIABLES that are set, with their values."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def processor_name() -> str:
    """The model of the processor."""
    with contextlib.suppress(OSError):
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name":
                return name.strip()
    return platform.processor()


def description(device: str, threads: int | None) -> str:
    """Everything that decides what a new process's torch reports about itself, as one digest.

    Args:
        device: as torch names it: `cpu`, `cuda`, `cuda:1`.
        threads: that the call asks for; None for torch's own number.
    """
    cores = Cores.now()
    facts = {
        "torch": metadata.version("torch"),
        "system": [platform.system(), platform.machine()],
        "processor": processor_name(),
        "instructions": sorted(instructions()),
        "cores": [cores.total, cores.allowed],
        "device": [device, driver_version() if device != "cpu" else 0],
        "threads": threads,
        "variables": set_variables(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
