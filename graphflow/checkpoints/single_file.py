"""Checkpoints that are one .safetensors file: their components, with the configs that were published for them.

A component of such a file is the same component as in a folder: its identity is made from its own tensors, with
what the file stores joined or turned taken apart again.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

from graphflow.checkpoints.clip_vocabulary import Vocabulary, clip_vocabulary
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.families import Families
from graphflow.checkpoints.model_class import Shape
from graphflow.checkpoints.reading import read_header
from graphflow.checkpoints.single_layouts import (
    KINDS,
    Layout,
    Shapes,
    check_sizes,
    layout_of,
    tensors_of,
    unknown,
    without,
)
from graphflow.checkpoints.tensor_names import in_single_file
from graphflow.checkpoints.tokenizers import Tokenizer
from graphflow.checkpoints.weights import Stored, Tensor, Tensors, tensor_digests, weights_digest
from graphflow.system.files import open_regular, read_only

_SPREAD = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
_SAID = {"v": "v_prediction", "v_prediction": "v_prediction", "epsilon": "epsilon", "eps": "epsilon"}
_NUMBERS = {"F16": ("e", 2), "F32": ("f", 4), "F64": ("d", 8)}


@dataclass(frozen=True)
class Published:
    """A family's published model: what a single file leaves out.

    Attributes:
        title: the family's name.
        class_name: the diffusers class of its pipeline.
        configs: role → config, in the form of diffusers or transformers.
        flags: what its model_index.json says of the pipeline itself.
        vocabulary: of its tokenizers.
    """

    title: str
    class_name: str
    configs: Mapping[str, Mapping[str, Any]]
    flags: Mapping[str, bool] = field(default_factory=dict)
    vocabulary: Callable[[], Vocabulary] = clip_vocabulary


@dataclass(frozen=True, kw_only=True)
class FilePart(ComponentFiles):
    """A component of a single file; `folder` is that file.

    Attributes:
        settings: its config.
        prefix: how the names of its tensors begin; empty for a scheduler or tokenizer.
        stored: tensor name → how it holds the component's tensors.
        vocabulary: of a tokenizer.
    """

    settings: Mapping[str, Any]
    prefix: str = ""
    stored: Mapping[str, Stored]
    vocabulary: Callable[[], Vocabulary] = clip_vocabulary

    @cached_property
    def config(self) -> dict[str, Any]:
        return read_only(dict(self.settings))

    @cached_property
    def variants(self) -> dict[str, tuple[Path, ...]]:
        return {"": (self.folder,)} if self.stored else {}

    @cached_property
    def headers(self) -> tuple[Tensors, ...]:
        whole = read_header(self.folder)
        own = {name: whole.tensors[name] for name in self.stored}
        return (Tensors(own, whole.offset),) if own else ()

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Tensor name → what its class calls the tensors that it holds; see `graphflow.checkpoints.tensor_names`."""
        kind = KINDS[self.prefix] if self.stored else ""
        return {name: in_single_file(kind, name.removeprefix(self.prefix), self.settings) for name in self.stored}

    @property
    def shapes(self) -> list[tuple[str, Shape]]:
        """Name and shape of each tensor as its class has it: apart where the file joins them, turned where it does."""
        return [
            (own, _own_shape(own, tensor.shape, self.stored[name]))
            for header in self.headers
            for name, tensor in header.tensors.items()
            for own in self.names[name]
        ]

    @property
    def types(self) -> dict[str, str]:
        return {name: one.dtype for header in self.headers for name, one in header.tensors.items()}

    @cached_property
    def weights_digest(self) -> str:
        digests = tensor_digests(self.folder, self.stored)
        pairs = (zip(names, digests[stored], strict=True) for stored, names in self.names.items())
        return weights_digest(chain.from_iterable(pairs))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer(*self.vocabulary(), self.settings)


@dataclass(frozen=True)
class SingleFile:
    """What a single file is.

    Attributes:
        class_name: of the pipeline.
        components: by role, those that are there and those that need no file.
        missing: roles that its family has and the file has not.
        flags: what model_index.json would say of the pipeline itself.
    """

    class_name: str
    components: dict[str, ComponentFiles]
    missing: tuple[str, ...]
    flags: dict[str, bool]


def read_single_file(name: str, path: Path, families: Families) -> SingleFile:
    """What a single file is, from its header and the published configs.

    Args:
        name: as written.
        path: a .safetensors file.
        families: those that it may be of.

    Raises:
        Refusal: it is cut off, no checkpoint, or of a family or of sizes that are not known.
    """
    header = read_header(path)
    shapes = {key: tensor.shape for key, tensor in header.tensors.items()}
    layout = layout_of(name, shapes)
    prediction = _prediction(layout, header, path)
    model = published(layout.family, _variant(name, layout, prediction))
    components: dict[str, ComponentFiles] = {}
    for role, config in model.configs.items():
        if role in layout.missing:
            continue
        prefix = layout.prefixes.get(role, "")
        if prefix:
            check_sizes(name, model.title, prefix, shapes, config)
        settings = _adjusted(role, config, prefix, shapes, prediction)
        stored = {one: _stored(one) for one in tensors_of(prefix, shapes, config)} if prefix else {}
        library, class_name = _class_of(config)
        components[role] = FilePart(
            role, library, class_name, path, name, settings=settings, prefix=prefix, stored=stored,
            vocabulary=model.vocabulary, model=families.classes.get(class_name),
        )  # fmt: skip
    return SingleFile(model.class_name, components, layout.missing, dict(model.flags))


def published(family: str, variant: str) -> Published:
    """The model of a family: `base`, `inpaint`, or `v` for Stable Diffusion 2 of 768 pixels.

    Raises:
        KeyError: the family has no such variant.
    """
    known = _read(family)
    chosen = known["variants"][variant]
    changes = chosen.get("changes", {})
    configs = {role: {**config, **changes.get(role, {})} for role, config in known["components"].items()}
    return Published(known["name"], chosen["class"], configs, known.get("flags", {}))


@cache
def _read(family: str) -> dict[str, Any]:
    text = resources.files("graphflow").joinpath(f"checkpoints/published/{family}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = read_only(json.loads(text))
    return found


def _variant(name: str, layout: Layout, prediction: str | None) -> str:
    if layout.channels == 9:
        if layout.family == "sdxl_refiner":
            raise unknown(name, "it is a refiner for inpainting, and none was published")
        return "inpaint"
    return "v" if layout.family == "sd2" and prediction == "v_prediction" else "base"


def _prediction(layout: Layout, header: Tensors, path: Path) -> str | None:
    """What the UNet predicts, as schedulers call it; None where the file does not tell and the family's usual holds.

    Told, in this order, by what the file says of itself (ModelSpec's keys), by an empty tensor `v_pred`, and for
    Stable Diffusion 2, whose models of 512 and of 768 pixels have equal names and shapes, by one bias whose
    spread is above 0.09 where v was learnt. Sources: Stability-AI/ModelSpec; ComfyUI, supported_models.py.
    """
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    architecture = header.metadata.get("modelspec.architecture", "").lower()
    if said in _SAID:
        return _SAID[said]
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
    """The config with what the file tells of itself."""
    found = dict(config)
    short = {without(prefix, name): shape for name, shape in shapes.items() if prefix and name.startswith(prefix)}
    if role == "unet":
        found["in_channels"] = short["input_blocks.0.0.weight"][1]
    for name in ("embeddings.token_embedding.weight", "token_embedding.weight"):
        if name in short:
            found["vocab_size"] = short[name][0]
    if role == "scheduler" and prediction is not None:
        if prediction != found.get("prediction_type", "epsilon"):
            found["prediction_type"] = prediction
        if prediction == "v_prediction" and "ztsnr" in shapes:
            found["rescale_betas_zero_snr"] = True
    return found


def _own_shape(name: str, shape: Shape, stored: Stored) -> Shape:
    if stored is Stored.THIRDS:
        return (shape[0] // 3, *shape[1:])
    if stored is Stored.TRANSPOSED:
        return shape[::-1]
    # The attention of the original VAE is made of convolutions of one cell.
    attends = ".mid_block.attentions." in name and len(shape) == 4 and name.startswith(("encoder.", "decoder."))
    return shape[:2] if attends and shape[2:] == (1, 1) else shape


def _stored(name: str) -> Stored:
    if name.endswith((".in_proj_weight", ".in_proj_bias")):
        return Stored.THIRDS
    return Stored.TRANSPOSED if name.endswith(".text_projection") else Stored.PLAIN


def _class_of(config: Mapping[str, Any]) -> tuple[str, str]:
    if "_class_name" in config:
        return "diffusers", str(config["_class_name"])
    return "transformers", str(config["tokenizer_class"] if "tokenizer_class" in config else config["architectures"][0])
