"""A model that enlarges pictures by itself, in a single file: its kind, and its scale if the tensors show it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.single_file import FilePart, Shapes, SingleFile
from graphflow.checkpoints.tensor_storage import Stored
from graphflow_nodes.models.upscaling_model import UPSCALING_MODEL

_ESRGAN, _COMPACT = "ESRGAN", "Real-ESRGAN Compact"
_KNOWN_BY: Mapping[str, tuple[tuple[str, ...], ...]] = {
    _ESRGAN: (
        ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"),
        ("conv_first.weight", "body.0.rdb1.conv1.weight"),
        ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight"),
    ),
    _COMPACT: (("body.0.weight", "body.0.bias", "body.1.weight", "body.2.weight"),),
    "SwinIR or HAT": (("conv_first.weight", "layers.0.residual_group.blocks.0.norm1.weight"),),
    "ATD": (("conv_first.weight", "layers.0.residual_group.layers.0.norm1.weight"),),
    "DAT or RGT": (("conv_first.weight", "before_RG.1.weight"),),
    "DRCT": (("conv_first.weight", "layers.0.swin1.norm1.weight"),),
    "SPAN": (("block_1.c1_r.sk.weight", "upsampler.0.weight"),),
    "OmniSR": (("input.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight"),),
    "PLKSR": (("feats.0.weight", "feats.1.refine.weight"),),
    "MoSR": (("gblocks.0.weight", "gblocks.1.fc1.weight"),),
    "RCAN": (("tail.1.weight", "body.0.body.0.body.0.weight"),),
    "SAFMN": (("to_feat.weight", "feats.0.safm.aggr.weight"),),
    "Real-CUGAN": (("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight"),),
}
"""Kind of model → groups of names of tensors; a file is of this kind if it has all tensors of a group."""
_COLORS = 3


def read_upscaling_model(name: str, path: Path, header: Tensors) -> SingleFile | None:
    """The model of a file, if it enlarges pictures by itself; None if it is not known as such.

    Its config has `kind`, and `scale`, which is None if only spandrel can determine it.
    """
    shapes = {key: tensor.shape for key, tensor in header.tensors.items()}
    known = (kind for kind, groups in _KNOWN_BY.items() if any(shapes.keys() >= {*group} for group in groups))
    kind = next(known, None)
    if kind is None:
        return None
    part = FilePart(
        "", "", UPSCALING_MODEL.name, path, name,
        model=UPSCALING_MODEL,
        settings={"kind": kind, "scale": _scale(kind, shapes)},
        stored=dict.fromkeys(shapes, Stored.PLAIN),
        names={key: (key,) for key in shapes},
    )  # fmt: skip
    return SingleFile(UPSCALING_MODEL.name, {"": part})


def _scale(kind: str, shapes: Shapes) -> int | None:
    if kind == _ESRGAN:
        return _scale_of_esrgan(shapes)
    if kind == _COMPACT:
        last = max(int(key.split(".")[1]) for key in shapes if re.match(r"body\.\d+\.weight$", key))
        scale = math.isqrt(shapes[f"body.{last}.weight"][0] // _COLORS)
        return scale if _COLORS * scale**2 == shapes[f"body.{last}.weight"][0] else None
    return None


def _scale_of_esrgan(shapes: Shapes) -> int | None:
    """The scale by the convolutions, one for each doubling, and by the channels: some models shrink pictures first."""
    if "model.0.weight" in shapes:
        first = shapes["model.0.weight"]
        # Two of these are the last convolutions, and one is the first: they double nothing.
        doublings = sum(1 for key in shapes if re.match(r"model\.\d+\.weight$", key)) - 3
    else:
        first = shapes["conv_first.weight"]
        doublings = sum(1 for key in shapes if re.match(r"(upconv|conv_up)\d\.weight$", key))
    shrunk = math.isqrt(first[1] // _COLORS) if len(first) == 4 else 0
    enlarged = 1 << doublings
    if not shrunk or _COLORS * shrunk**2 != first[1] or enlarged % shrunk:
        return None
    return enlarged // shrunk
