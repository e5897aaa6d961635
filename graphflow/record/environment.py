"""What decides the bytes of a run beside the graph: versions, device, precision, threads, settings of libraries."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from graphflow.checkpoints.components import Placed
from graphflow.plan.plan import Plan
from graphflow.record.model import EnvironmentRecord
from graphflow.system.distribution import shipped_version

_ALWAYS = ("numpy", "Pillow", "opencv-python-headless", "opencv-python")
_WITH_TORCH = (
    "torch", "diffusers", "transformers", "accelerate", "safetensors", "tokenizers",
    "peft", "compel", "xformers", "scipy", "torchsde",
)  # fmt: skip

VARIABLES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_CUDNN_SDPA_ENABLED", "PYTORCH_NVFUSER_DISABLE",
)  # fmt: skip
"""Environment variables that change the bits of computations with torch; no other one is recorded."""


def environment(plan: Plan) -> EnvironmentRecord:
    """What is known before torch is imported; of a plan that computes without it, all that matters."""
    found = EnvironmentRecord(versions=_versions(_ALWAYS), platform=platform.platform())
    if plan.uses_torch:
        found.versions |= _versions(_WITH_TORCH)
        found.device = plan.checked.compute.device
        found.dtypes = _dtypes(plan)
        found.variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return found


def observed(known: EnvironmentRecord) -> EnvironmentRecord:
    """The same with what torch tells, which is imported for it where it is not yet; asked in the run's own thread.

    Raises:
        ImportError: torch cannot be imported.
        RuntimeError: it cannot use the device.
    """
    from graphflow.values.tensors import settings

    told = settings(known.device)
    device_name = told.pop("device_name") or _processor()
    more = {"device_name": device_name, "threads": told.pop("threads"), "cpu_capability": told.pop("cpu_capability")}
    return known.model_copy(update={**more, "settings": told})


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {"graphflow": shipped_version(), "Python": platform.python_version()}
    for name in names:
        # What is not installed is not used; a library can be importable without being installed as a distribution.
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _dtypes(plan: Plan) -> list[str]:
    """The precisions that components with weights run in."""
    specs = [component.spec for step in plan.steps for component in step.uses.values()]
    return sorted({spec.dtype for spec in specs if isinstance(spec, Placed) and spec.files.weights})


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
