"""A VAE or a ControlNet alone in a single file, with the names of the original code or with those of diffusers.

Such a file has no config: it is read with that of the published model, and refused if its sizes differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphflow.checkpoints.model_class import ModelClass, Shape
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.single_file import FOLDER_FIX, FilePart, Shapes, SingleFile
from graphflow.document.refusal import Refusal
from graphflow.text_helpers.words import counted, with_article
from graphflow_nodes.models.unet import CONTROLNET
from graphflow_nodes.models.vae import AUTOENCODER_KL
from graphflow_nodes.single_files.layouts import KINDS
from graphflow_nodes.single_files.names import current_names
from graphflow_nodes.single_files.published import published, published_controlnet
from graphflow_nodes.single_files.storage import storage_of

_FAMILIES = ("sd15", "sd2", "sdxl")
"""Families that have published ControlNets."""
_TRAINING = re.compile(r"(loss|model_ema)\.")
"""Names of tensors that only training uses."""
_CONTEXT = "attn2.to_k.weight"


@dataclass(frozen=True)
class _Kind:
    """A kind of model that is read alone.

    Attributes:
        word: its name in messages.
        model: its class.
        kind: kind of the original model; see `current_names`.
        prefix: prefix of its tensors in files that were cut out of a checkpoint.
        known_by: matches tensors, without the prefix, that only this kind has.
        original: matches tensors, without the prefix, that exist only in the original layout.
        own: matches all tensors of a model in the original layout.
    """

    word: str
    model: ModelClass
    kind: str
    prefix: str
    known_by: re.Pattern[str]
    original: re.Pattern[str]
    own: re.Pattern[str]


_VAE = _Kind(
    "VAE",
    AUTOENCODER_KL,
    "vae",
    "first_stage_model.",
    re.compile(r"(encoder|decoder)\.conv_in\.weight$"),
    re.compile(r"(encoder|decoder)\.(down|up|mid)\."),
    re.compile(r"(encoder|decoder|quant_conv|post_quant_conv)\."),
)
_CONTROLNET = _Kind(
    "ControlNet",
    CONTROLNET,
    "controlnet",
    "control_model.",
    re.compile(r"(input_hint_block\.0|controlnet_cond_embedding\.conv_in)\.weight$"),
    re.compile(r"input_hint_block\."),
    re.compile(r"(time_embed|label_emb|input_blocks|middle_block|middle_block_out|input_hint_block|zero_convs)\."),
)


def read_alone(name: str, path: Path, header: Tensors) -> SingleFile | None:
    """The only model of a file; None if it is a checkpoint, or neither a VAE nor a ControlNet.

    Raises:
        Refusal: its sizes differ from those of the published models, or it has further tensors.
    """
    shapes = {key: tensor.shape for key, tensor in header.tensors.items()}
    others = tuple(prefix for prefix in KINDS if prefix != _VAE.prefix)
    if any(key.startswith(others) for key in shapes):
        return None
    for kind in (_CONTROLNET, _VAE):
        inner = {key.removeprefix(kind.prefix): shape for key, shape in shapes.items()}
        if any(map(kind.known_by.match, inner)):
            title, config = _published(name, kind, shapes)
            part = _part(name, path, kind, shapes, config)
            _check_sizes(name, title, kind, part)
            return SingleFile(kind.model.name, {"": part})
    return None


def _published(name: str, kind: _Kind, shapes: Shapes) -> tuple[str, Mapping[str, Any]]:
    """Title and config of the published model; a ControlNet's is found by the width of the texts that it reads."""
    if kind is _VAE:
        model = published("sd15", "base")
        return model.title, model.configs["vae"]
    width = next((shape[1] for key, shape in shapes.items() if key.endswith(_CONTEXT) and len(shape) == 2), None)
    known = {published_controlnet(family)["cross_attention_dim"]: family for family in _FAMILIES}
    if width not in known:
        reads = "no text" if width is None else f"texts {width} wide"
        why = f"it reads {reads}; those known read texts {' or '.join(map(str, known))} wide"
        raise Refusal("checkpoint-unknown", f"{name} is a ControlNet of another structure", why, FOLDER_FIX)
    return published(known[width], "base").title, published_controlnet(known[width])


def _part(name: str, path: Path, kind: _Kind, shapes: Shapes, config: Mapping[str, Any]) -> FilePart:
    bare = {key: key.removeprefix(kind.prefix) for key in shapes}
    original = any(map(kind.original.match, bare.values()))
    names: dict[str, tuple[str, ...]] = {}
    strange = []
    for key, short in bare.items():
        if kind.own.match(short) if original else kind.model.owns(short):
            names[key] = (
                current_names(kind.kind, short, config) if original else (kind.model.canonical(short) or short,)
            )
        elif not _TRAINING.match(short):
            strange.append(key)
    if strange:
        why = f"it also holds {', '.join(strange[:3])}"
        raise Refusal("checkpoint-unknown", f"{name} is not a plain {kind.word}", why, FOLDER_FIX)
    stored = {key: storage_of(key, own, shapes[key]) for key, own in names.items()}
    model = kind.model
    return FilePart("", model.library, model.name, path, name, model=model, settings=config, stored=stored, names=names)


def _check_sizes(name: str, title: str, kind: _Kind, part: FilePart) -> None:
    """Refuse a model of another structure; a few tensors that are missing or left over are reported with the others.

    Raises:
        Refusal: a tensor has another shape, or most are missing.
    """
    wanted = kind.model.tensors(part.full_config) or {}
    given: dict[str, Shape] = dict(part.shapes)
    found = [key for key in wanted if key in given]
    other = next((key for key in found if given[key] != wanted[key]), None)
    if other is None and 2 * len(found) >= len(wanted):
        return
    if other is not None:
        mine, theirs = (" × ".join(map(str, shapes[other])) for shapes in (given, wanted))
        why = f"{other} is {mine}; that of {title} has {theirs}"
    else:
        why = f"that of {title} has {counted(len(wanted), 'tensor')}, and it holds {len(found)} of them"
    message = f"{name} is {with_article(kind.word)} with other sizes than the published ones"
    raise Refusal("checkpoint-unknown", message, why, FOLDER_FIX)
