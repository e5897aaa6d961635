"""Any pipeline with options of diffusers set by hand, as a script sets them.

Seen with diffusers 0.42.1: all of these are set on the models, so every pipeline that shares a model has them too.
`set_attention_backend` does not reach the attention of these families and sets a default of the whole process.
`enable_tiling` raises for a VQModel and an AsymmetricAutoencoderKL; an AutoencoderKL tiles what is larger than the
`sample_size` of its config.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.hooks import apply_group_offloading

from tests.plain.scripts import Result, unwrap

LOAD = {"safety_checker": None, "add_watermarker": False}


def with_options(pipeline: str, folder: Path, *options: str, seed: int = 0, **call: Any) -> Result:
    """One call of the class `pipeline`; `options` are names of the functions below, in the order of their use."""
    class_ = getattr(diffusers, pipeline)
    pipe = class_.from_pretrained(folder, **{name: value for name, value in LOAD.items() if name in _takes(class_)})
    pipe.set_progress_bar_config(disable=True)
    for option in options:
        _SET[option](pipe)
    return unwrap(pipe(generator=torch.Generator("cpu").manual_seed(seed), **call).images)


def _takes(class_: type) -> set[str]:
    return set(class_._get_signature_keys(class_)[0]) | set(class_._get_signature_keys(class_)[1])


def _eager(pipe: Any) -> None:
    for model in pipe.components.values():
        if hasattr(model, "set_default_attn_processor"):
            model.set_default_attn_processor()


def _vae_tiling(pipe: Any) -> None:
    pipe.vae.enable_tiling()


def _compile(pipe: Any) -> None:
    pipe.unet.compile()


def _group(pipe: Any) -> None:
    here = torch.device("cpu")
    for model in pipe.components.values():
        if isinstance(model, torch.nn.Module):
            apply_group_offloading(model, onload_device=here, offload_device=here, offload_type="leaf_level")


_SET = {"group": _group, "eager": _eager, "vae_tiling": _vae_tiling, "compile": _compile}
