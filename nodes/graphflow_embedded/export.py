"""Write an embedded checkpoint as the folder that plain `from_pretrained` reads. Needs neither torch nor diffusers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from graphflow.checkpoints.embedded import components, describe

_DIFFUSERS_VERSION = "0.42.1"
_ABSENT = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts that Stable Diffusion pipelines may have and ours never do."""


def export(name: str, directory: Path | str) -> Path:
    """Copy checkpoint `name` into `directory`, which is made if it isn't there.

    A pipeline gets one folder per part and `model_index.json`; a single model (a ControlNet, the depth estimator) gets
    its files directly.

    Returns:
        `directory` as a path.

    Raises:
        KeyError: there is no such checkpoint.
    """
    told, target = describe(name), Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    if not told["class"].endswith("Pipeline"):
        _copy(next(iter(components(name).values())), target)
        return target
    index: dict[str, Any] = {"_class_name": told["class"], "_diffusers_version": _DIFFUSERS_VERSION}
    for role, component in sorted(components(name).items()):
        _copy(component, target / role)
        index[role] = list(_library_and_class(component))
    index |= {role: [None, None] for role in _ABSENT} | {"requires_safety_checker": False}
    (target / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return target


def _copy(component: Path, target: Path) -> None:
    shutil.copytree(component, target, dirs_exist_ok=True)


def _library_and_class(source: Path) -> tuple[str, str]:
    """What `model_index.json` says of a component, read from its own configuration."""
    if (source / "tokenizer_config.json").is_file():
        return "transformers", "CLIPTokenizer"
    path = source / "scheduler_config.json"
    config = json.loads((path if path.is_file() else source / "config.json").read_text(encoding="utf-8"))
    if "_class_name" in config:
        return "diffusers", config["_class_name"]
    return "transformers", config["architectures"][0]
