"""Facts besides the graph on which a run's bytes depend: versions, device, precision, threads, library settings."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from graphflow.checkpoints.placed import Placed
from graphflow.plan.plan import Plan
from graphflow.record.record_parts import EnvironmentRecord
from graphflow.system.distribution import shipped_version

_ALWAYS = ("numpy", "Pillow", "opencv-python-headless", "opencv-python")
_WITH_TORCH = (
    "torch", "diffusers", "transformers", "accelerate", "safetensors", "tokenizers",
    "peft", "compel", "spandrel", "xformers", "scipy", "torchsde",
)  # fmt: skip

VARIABLES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_CUDNN_SDPA_ENABLED", "PYTORCH_NVFUSER_DISABLE",
)  # fmt: skip
"""Environment variables that change the results of torch; no others are recorded."""


def environment(plan: Plan) -> EnvironmentRecord:
    """The facts that are known before torch is imported; for a plan without torch, all that matter."""
    return of_machine(plan.checked.compute.device, _dtypes(plan)) if plan.uses_torch else of_machine()


def of_machine(device: str = "", dtypes: Sequence[str] = ()) -> EnvironmentRecord:
    """The facts of this machine that are known before torch is imported.

    Args:
        device: where models run; empty for a run without torch.
        dtypes: the precisions of the components.
    """
    known = EnvironmentRecord(versions=_versions(_ALWAYS), platform=platform.platform())
    if device:
        known.versions |= _versions(_WITH_TORCH)
        known.device, known.dtypes = device, list(dtypes)
        known.variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return known


def observed(known: EnvironmentRecord) -> EnvironmentRecord:
    """The same facts and those that torch reports, read in the run's own thread; imports torch.

    Raises:
        ImportError: torch cannot be imported.
        RuntimeError: it cannot use the device.
    """
    from graphflow.values.tensors import settings

    facts = settings(known.device)
    device_name = facts.pop("device_name") or _processor()
    more = {"device_name": device_name, "threads": facts.pop("threads"), "cpu_capability": facts.pop("cpu_capability")}
    return known.model_copy(update={**more, "settings": facts})


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    versions = {"graphflow": shipped_version(), "Python": platform.python_version()}
    for name in names:
        # It may not be installed, or be importable without being installed as a distribution.
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _dtypes(plan: Plan) -> list[str]:
    """The precisions of the components with weights."""
    specs = [component.spec for step in plan.steps for component in step.uses.values()]
    return sorted({spec.dtype for spec in specs if isinstance(spec, Placed) and spec.files.weights})


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
