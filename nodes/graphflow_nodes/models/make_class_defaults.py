"""Writes class_defaults.json from the installed diffusers and transformers.

Run it for a new class, and when the tested versions change: `python -m graphflow_nodes.models.make_class_defaults`.
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

from graphflow_nodes.models.samplers import OWN, PACKAGES, UNCLIP

TARGET = Path(__file__).with_name("class_defaults.json")
_NO_SETTING = (
    "_",
    "transformers_version",
    "architectures",
    "dtype",
    "torch_dtype",
    "model_type",
    "id2label",
    "label2id",
)
_OUTPUT = ("return_dict", "output_attentions", "output_hidden_states", "problem_type", "chunk_size_feed_forward")


def defaults() -> dict[str, dict[str, Any]]:
    """Class name → default of every setting that can change what the class computes."""
    import diffusers
    import transformers

    models = (
        *("AsymmetricAutoencoderKL", "AutoencoderKL", "AutoencoderTiny", "ControlNetModel", "PriorTransformer"),
        *("UNet2DConditionModel", "VQModel", UNCLIP.name),
    )
    found = {name: _diffusers(getattr(diffusers, name)) for name in (*models, *OWN) if name not in PACKAGES}
    found |= {name: _written(name) for name in OWN if name in PACKAGES}
    for name in ("CLIPTextModel", "CLIPTextModelWithProjection"):
        found[name] = _transformers(transformers.CLIPTextConfig)
    found["CLIPVisionModelWithProjection"] = _transformers(transformers.CLIPVisionConfig)
    found["DPTForDepthEstimation"] = _transformers(transformers.DPTConfig)
    as_json: dict[str, dict[str, Any]] = json.loads(json.dumps(found))
    return as_json


def _diffusers(class_: Any) -> dict[str, Any]:
    arguments = inspect.signature(class_.__init__).parameters.values()
    return {one.name: one.default for one in arguments if one.default is not one.empty}


def _written(name: str) -> dict[str, Any]:
    """The defaults of a scheduler as its source has them: without its package it cannot be imported."""
    import diffusers

    folder = Path(diffusers.__file__).parent / "schedulers"
    source = next(text for path in folder.glob("*.py") if f"class {name}(" in (text := path.read_text("utf-8")))
    class_ = next(one for one in ast.parse(source).body if isinstance(one, ast.ClassDef) and one.name == name)
    made = next(one for one in class_.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    names = [one.arg for one in made.args.args][-len(made.args.defaults) :]
    return {key: ast.literal_eval(value) for key, value in zip(names, made.args.defaults, strict=True)}


def _transformers(class_: Any) -> dict[str, Any]:
    return {
        key: value
        for key, value in class_().to_dict().items()
        if not key.startswith(_NO_SETTING) and key not in _OUTPUT
    }


def text() -> str:
    """The file's content."""
    return json.dumps(defaults(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
