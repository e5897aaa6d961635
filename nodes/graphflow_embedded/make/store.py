"""Components on disk: config and half-precision safetensors under the libraries' own file names."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from torch import nn

from graphflow.checkpoints import embedded


def components() -> Path:
    """The folder of the committed components."""
    return embedded.folder() / "components"


def save(model: nn.Module, name: str) -> int:
    """Write `model` as component `name` in float16; returns the bytes of its weights file."""
    folder = components() / name
    small = copy.deepcopy(model).to("cpu", torch.float16)
    small.to(memory_format=torch.contiguous_format)
    small.save_pretrained(folder)
    _forget_origin(folder / "config.json")
    weights = next(folder.glob("*.safetensors"))
    weights.chmod(0o644)
    write_digests()
    return weights.stat().st_size


def write_digests() -> None:
    """Write the digests of all components' weights, for `graphflow checkpoints verify`."""
    from graphflow.checkpoints.tensor_names import in_folder
    from graphflow.checkpoints.weights_digest import digest_of_files

    files = {folder.name: sorted(folder.glob("*.safetensors")) for folder in sorted(components().iterdir())}
    found = {name: digest_of_files(paths, in_folder) for name, paths in files.items() if paths}
    write_json(embedded.folder() / "digests.json", found)


def load(name: str) -> nn.Module:
    """Component `name` in float32, ready to train or to run."""
    import diffusers
    import transformers

    folder = components() / name
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("_class_name") or config["architectures"][0]
    owner = diffusers if hasattr(diffusers, kind) else transformers
    return getattr(owner, kind).from_pretrained(folder).float()


def _forget_origin(path: Path) -> None:
    """Remove the path from which a model was loaded from its config."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    write_json(path, config)


def write_json(path: Path, value: object) -> None:
    """Write a small file for people and programs to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
