"""Facts besides the graph on which a run's bytes depend: versions, device, precision, threads, library settings."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any

from graphflow.checkpoints.placed import Placed
from graphflow.plan.plan import Plan
from graphflow.record.record_parts import EnvironmentRecord
from graphflow.system.distribution import shipped_version
from graphflow.system.machine import set_variables

_ALWAYS = ("numpy", "Pillow", "opencv-python-headless", "opencv-python")
_WITH_TORCH = (
    "torch", "diffusers", "transformers", "accelerate", "safetensors", "tokenizers",
    "peft", "compel", "spandrel", "xformers", "scipy", "torchsde",
)  # fmt: skip


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
        known.variables = set_variables()
    return known


def with_facts(known: EnvironmentRecord, reported: Mapping[str, Any]) -> EnvironmentRecord:
    """The same facts and those that torch reports.

    Args:
        known: the facts that are known without torch.
        reported: as returned by `graphflow.values.tensors.settings`.
    """
    own = ("device_name", "threads", "cpu_capability")
    facts = {name: value for name, value in reported.items() if name not in own}
    return known.model_copy(update={**{name: reported[name] for name in own}, "settings": facts})


def observed(known: EnvironmentRecord) -> EnvironmentRecord:
    """The same facts and those that torch reports in this thread; imports torch.

    Raises:
        ImportError: torch cannot be imported.
        RuntimeError: it cannot use the device.
    """
    from graphflow.values.tensors import settings

    return with_facts(known, settings(known.device))


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
