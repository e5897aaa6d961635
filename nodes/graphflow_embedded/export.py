"""Export an embedded checkpoint as a folder for plain `from_pretrained`, without torch or diffusers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from graphflow.checkpoints.embedded import components, describe

_DIFFUSERS_VERSION = "0.42.1"
_ABSENT = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts that Stable Diffusion pipelines may have, but the embedded ones don't."""


def export(name: str, directory: Path | str) -> Path:
    """Copy checkpoint `name` into `directory`, which is created if it is missing.

    A pipeline gets one folder per part and `model_index.json`; a single model (a ControlNet, the depth estimator) gets
    its files directly.

    Returns:
        `directory` as a path.

    Raises:
        KeyError: there is no such checkpoint.
    """
    manifest, target = describe(name), Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    if not manifest["class"].endswith("Pipeline"):
        _copy(next(iter(components(name).values())), target)
        return target
    index: dict[str, Any] = {"_class_name": manifest["class"], "_diffusers_version": _DIFFUSERS_VERSION}
    for role, component in sorted(components(name).items()):
        _copy(component, target / role)
        index[role] = list(_library_and_class(component))
    index |= {role: [None, None] for role in _ABSENT} | {"requires_safety_checker": False}
    (target / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return target


def _copy(component: Path, target: Path) -> None:
    shutil.copytree(component, target, dirs_exist_ok=True)


def _library_and_class(source: Path) -> tuple[str, str]:
    """The library and class of a component for `model_index.json`, from its own config."""
    if (source / "tokenizer_config.json").is_file():
        return "transformers", "CLIPTokenizer"
    path = source / "scheduler_config.json"
    config = json.loads((path if path.is_file() else source / "config.json").read_text(encoding="utf-8"))
    if "_class_name" in config:
        return "diffusers", config["_class_name"]
    return "transformers", config["architectures"][0]
