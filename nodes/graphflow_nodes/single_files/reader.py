"""Read single files in the original layout: their components, with the configs of the published models."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass
from graphflow.checkpoints.safetensors_header import Tensor, Tensors
from graphflow.checkpoints.single_file import FilePart, Shapes, SingleFile
from graphflow.document.refusal import Refusal
from graphflow.system.files import open_regular
from graphflow_nodes.models.clip import CLIP_TEXT, CLIP_TEXT_WITH_PROJECTION, CLIP_TOKENIZER
from graphflow_nodes.models.clip_tokenizer import TokenizerPart
from graphflow_nodes.models.samplers import SCHEDULERS
from graphflow_nodes.models.unet import UNET
from graphflow_nodes.models.vae import AUTOENCODER_KL
from graphflow_nodes.single_files.layouts import KINDS, Layout, check_sizes, layout_of, tensors_of, without
from graphflow_nodes.single_files.models_alone import read_alone
from graphflow_nodes.single_files.names import current_names
from graphflow_nodes.single_files.published import Published, published
from graphflow_nodes.single_files.storage import storage_of
from graphflow_nodes.single_files.upscaling_models import read_upscaling_model

_SPREAD = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
_PREDICTIONS = {"v": "v_prediction", "v_prediction": "v_prediction", "epsilon": "epsilon", "eps": "epsilon"}
_NUMBERS = {"F16": ("e", 2), "F32": ("f", 4), "F64": ("d", 8)}
_CLASSES = {
    class_.name: class_
    for class_ in (UNET, AUTOENCODER_KL, CLIP_TEXT, CLIP_TEXT_WITH_PROJECTION, CLIP_TOKENIZER, *SCHEDULERS)
}


def read(name: str, path: Path, header: Tensors) -> SingleFile | None:
    """Identify a single file by its header; None if it is neither in the original layout nor a single model.

    Raises:
        Refusal: its sizes differ from those of the published model.
    """
    alone = read_alone(name, path, header) or read_upscaling_model(name, path, header)
    if alone is not None:
        return alone
    shapes = {key: tensor.shape for key, tensor in header.tensors.items()}
    try:
        layout = layout_of(name, shapes)
    except Refusal:
        return None
    if layout is None:
        return None
    prediction = _prediction(layout, header, path)
    model = published(layout.family, _variant(layout, prediction))
    components: dict[str, ComponentFiles] = {}
    for role, config in model.configs.items():
        if role in layout.missing:
            continue
        prefix = layout.prefixes.get(role, "")
        if prefix:
            check_sizes(name, model.title, prefix, shapes, config)
        settings = _adjusted(role, config, prefix, shapes, prediction)
        components[role] = _part(role, path, name, settings, prefix, shapes, model)
    return SingleFile(model.class_name, components, layout.missing, dict(model.flags))


def _part(
    role: str, path: Path, name: str, settings: dict[str, Any], prefix: str, shapes: Shapes, model: Published
) -> FilePart:
    class_ = _class_of(settings)
    if class_.kind == "tokenizer":
        return TokenizerPart(
            role, class_.library, class_.name, path, name, model=class_, settings=settings, vocabulary=model.vocabulary
        )
    tensors = tensors_of(prefix, shapes, settings) if prefix else []
    names = {tensor: current_names(KINDS[prefix], tensor.removeprefix(prefix), settings) for tensor in tensors}
    stored = {tensor: storage_of(tensor, names[tensor], shapes[tensor]) for tensor in tensors}
    return FilePart(
        role, class_.library, class_.name, path, name, model=class_, settings=settings, stored=stored, names=names
    )


def explain(name: str, shapes: Shapes) -> Refusal | None:
    """Explain why a file is not read: what it is instead, if it is recognized; None if it is not."""
    try:
        layout_of(name, shapes)
    except Refusal as refusal:
        return refusal
    return None


def _variant(layout: Layout, prediction: str | None) -> str:
    if layout.channels == 9:
        return "inpaint"
    return "v" if layout.family == "sd2" and prediction == "v_prediction" else "base"


def _prediction(layout: Layout, header: Tensors, path: Path) -> str | None:
    """The `prediction_type` of the UNet; None if the file does not show it, so that the family's default is used.

    It is determined by the first of these that the file has: the keys of ModelSpec in its metadata; an empty tensor
    `v_pred`; for Stable Diffusion 2, whose models with 512 and 768 pixels have equal names and shapes, a bias whose
    standard deviation is above 0.09 in models that predict v. Sources: Stability-AI/ModelSpec; ComfyUI,
    supported_models.py.
    """
    declared = header.metadata.get("modelspec.prediction_type", "").lower()
    architecture = header.metadata.get("modelspec.architecture", "").lower()
    if declared in _PREDICTIONS:
        return _PREDICTIONS[declared]
    if architecture.endswith(("-v", "-v2-512")):
        return "v_prediction" if architecture.endswith("-v") else "epsilon"
    if "v_pred" in header.tensors:
        return "v_prediction"
    if layout.family != "sd2" or layout.channels != 4 or _SPREAD not in header.tensors:
        return None
    return "v_prediction" if _spread(_values(path, header, header.tensors[_SPREAD])) > 0.09 else "epsilon"


def _spread(values: list[float]) -> float:
    """The standard deviation."""
    mean = sum(values) / max(1, len(values))
    return math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values)))


def _values(path: Path, header: Tensors, tensor: Tensor) -> list[float]:
    with open_regular(path) as handle:
        handle.seek(header.offset + tensor.start)
        data = handle.read(tensor.end - tensor.start)
    if tensor.dtype == "BF16":  # the upper half of a float32
        data = b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2))
    code, size = _NUMBERS.get(tensor.dtype, ("f", 4))
    return list(struct.unpack(f"<{len(data) // size}{code}", data))


def _adjusted(
    role: str, config: Mapping[str, Any], prefix: str, shapes: Shapes, prediction: str | None
) -> dict[str, Any]:
    """The config of a published component, adapted to the tensors of the file."""
    adjusted = dict(config)
    short = {without(prefix, name): shape for name, shape in shapes.items() if prefix and name.startswith(prefix)}
    if role == "unet":
        adjusted["in_channels"] = short["input_blocks.0.0.weight"][1]
    for name in ("embeddings.token_embedding.weight", "token_embedding.weight"):
        if name in short:
            adjusted["vocab_size"] = short[name][0]
    if role == "scheduler" and prediction is not None:
        if prediction != adjusted.get("prediction_type", "epsilon"):
            adjusted["prediction_type"] = prediction
        if prediction == "v_prediction" and "ztsnr" in shapes:
            adjusted["rescale_betas_zero_snr"] = True
    return adjusted


def _class_of(config: Mapping[str, Any]) -> ModelClass:
    name = config.get("_class_name") or config.get("tokenizer_class") or config["architectures"][0]
    return _CLASSES[str(name)]
