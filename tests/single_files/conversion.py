"""Diffusers' own conversions of single files, with which ours are compared."""

from __future__ import annotations

from typing import Any

from graphflow.checkpoints.single_file import FilePart
from graphflow_nodes.single_files.layouts import KINDS, without


def converted(tensors: dict[str, Any], files: FilePart, model: Any) -> dict[str, Any]:
    """The tensors of a component as diffusers converts them when it reads a single file."""
    from diffusers.loaders import single_file_utils as convert

    if files.library == "diffusers":
        kind = {"AutoencoderKL": "ldm_vae", "UNet2DConditionModel": "ldm_unet", "ControlNetModel": "controlnet"}
        converter = getattr(convert, f"convert_{kind[files.class_name]}_checkpoint")
        found: dict[str, Any] = converter(tensors, config=files.config)
        return found
    prefix = next(prefix for prefix in KINDS if all(name.startswith(prefix) for name in tensors))
    if any(name.startswith(f"{prefix}transformer.") for name in tensors):
        found = convert.convert_open_clip_checkpoint(model, tensors, prefix=prefix)
    else:
        found = {without(prefix, name): tensor for name, tensor in tensors.items()}
    # Since transformers 5 the encoder without a projection has no `text_model` around its layers.
    around = "text_model." if hasattr(model, "text_model") else ""
    return {
        name if name.startswith("text_projection") else f"{around}{name.removeprefix('text_model.')}": tensor
        for name, tensor in found.items()
    }
