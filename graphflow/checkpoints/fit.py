"""Whether a component's files hold what its config says: every tensor, under a name that is known, of its shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphflow.checkpoints.class_settings import wrong_settings
from graphflow.checkpoints.tensor_layouts import MOST, expected
from graphflow.checkpoints.tensor_layouts.layers import Shape
from graphflow.checkpoints.tensor_names import in_folder
from graphflow.document.refusal import Refusal
from graphflow.wording.words import counted

_OWN = {
    "AutoencoderKL": r"(encoder|decoder|quant_conv|post_quant_conv)\.",
    "CLIPTextModel": r"(embeddings|encoder|final_layer_norm)\.",
    "CLIPTextModelWithProjection": r"(embeddings|encoder|final_layer_norm|text_projection)\.",
    "ControlNetModel": r"(conv_in|time_embedding|class_embedding|add_embedding|encoder_hid_proj|down_blocks|mid_block"
    r"|controlnet_cond_embedding|controlnet_down_blocks|controlnet_mid_block)\.",
    "DPTForDepthEstimation": r"(dpt\.(embeddings|encoder|layernorm)|neck|head)\.",
    "UNet2DConditionModel": r"(conv_in|time_embedding|class_embedding|add_embedding|encoder_hid_proj|down_blocks"
    r"|mid_block|up_blocks|conv_norm_out|conv_out)\.",
}
"""Class → how the names of its own tensors begin; beside them may stand what other models, or only training, read."""
_UNREAD = {"DPTForDepthEstimation": r"neck\.fusion_stage\.layers\.0\.residual_layer1\."}
"""Class → tensors that it has and never reads: the published estimators leave them out."""
_COUNTER = ".num_batches_tracked"
"""How the name of a batch normalisation's counter ends: the only tensor of these classes that holds an integer."""
_DPT = re.compile(r"(embeddings|encoder|layernorm)\.")
_WHOLE = "get the file again; it may not be whole, or not belong to its config"
_CONFIG = "get the config that belongs to the file, or the file that belongs to the config"


def own_tensors(class_name: str, names: Iterable[str]) -> list[str]:
    """Those of some names that belong to a component of this class itself; all where the class is not known."""
    own = re.compile(_OWN.get(class_name, ""))
    return [name for name in names if own.match(canonical(class_name, name) or "-")]


def never_read(class_name: str, name: str) -> bool:
    """Whether a component of this class computes the same without this tensor."""
    unread = _UNREAD.get(class_name)
    return unread is not None and re.match(unread, name) is not None


def canonical(class_name: str, name: str) -> str | None:
    """A tensor's name as the layouts have it; None where models no longer have the tensor.

    Args:
        class_name: of the component.
        name: as a file in a folder has it.
    """
    if class_name == "DPTForDepthEstimation":
        return f"dpt.{name}" if _DPT.match(name) else name
    return in_folder(name) if class_name in _OWN else name


def misfits(
    label: str,
    class_name: str,
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    shapes: Sequence[tuple[str, Shape]],
) -> Iterator[Refusal]:
    """What does not fit between a component's config and its tensors.

    Args:
        label: how the component is called, such as `unet of ./sd`.
        class_name: of diffusers or transformers.
        config: with the class's defaults filled in.
        defaults: of the class.
        shapes: (name, shape) of each tensor, as its files have it.
    """
    if wrong := wrong_settings(config, defaults):
        why = "; ".join(wrong[:3])
        yield _broken(f"the config of the {label} does not describe a {class_name}", why, "get its config file again")
        return
    wanted = expected(class_name, config)
    if wanted is None:
        return
    if len(wanted) > MOST:
        why = f"it describes more than {MOST:,} tensors"
        yield _broken(f"the config of the {label} does not describe a {class_name}", why, "get its config file again")
        return
    yield from _compared(label, class_name, wanted, shapes)


def integer_weights(label: str, types: Mapping[str, str]) -> Iterator[Refusal]:
    """The problem of weights stored as integers: without the scales of their quantization they mean nothing.

    Args:
        label: how the component is called.
        types: name → type, of the component's own tensors.
    """
    integers = [
        name for name, type_ in types.items() if not type_.startswith(("F", "BF")) and not name.endswith(_COUNTER)
    ]
    if integers:
        kinds = ", ".join(sorted({types[name] for name in integers}))
        message = f"{_tensors(integers)} of the {label} {'does' if len(integers) == 1 else 'do'} not hold floats"
        why = f"{_few(integers)}: {kinds}; graphflow does not read quantized weights"
        yield _broken(message, why, "get the file in float32, float16 or bfloat16")


def _compared(
    label: str, class_name: str, wanted: Mapping[str, Shape], shapes: Sequence[tuple[str, Shape]]
) -> Iterator[Refusal]:
    found: dict[str, Shape] = {}
    twice = []
    for name, shape in shapes:
        known = canonical(class_name, name)
        if known in found:
            twice.append(known)
        if known is not None:
            found[known] = shape
    missing = [name for name in wanted if name not in found and not never_read(class_name, name)]
    surplus = [name for name in own_tensors(class_name, found) if name not in wanted]
    other = [name for name, shape in wanted.items() if name in found and found[name] != shape]
    of_all = f"of {counted(len(wanted), 'tensor')} of the {label}"
    if missing:
        message = f"{len(missing)} {of_all} {'is' if len(missing) == 1 else 'are'} missing"
        yield _broken(message, f"its files do not hold {_few(missing)}", _WHOLE)
    if other:
        first = other[0]
        why = f"{first} is {_sides(found[first])}, and its config says {_sides(wanted[first])}"
        rest = f"; the same goes for {_few(other[1:])}" if other[1:] else ""
        message = f"{len(other)} {of_all} {'does' if len(other) == 1 else 'do'} not have the shape of its config"
        yield _broken(message, why + rest, _CONFIG)
    if surplus:
        message = f"the {label} has {_tensors(surplus)} that its config does not describe"
        yield _broken(message, f"its files hold {_few(surplus)}", _CONFIG)
    if twice:
        message = f"{_tensors(twice)} of the {label} {'is' if len(twice) == 1 else 'are'} stored twice"
        yield _broken(message, _few(twice), _WHOLE)


def _tensors(names: list[str]) -> str:
    return counted(len(names), "tensor")


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, and {len(names) - 3} more" if len(names) > 3 else shown


def _sides(shape: Shape) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _broken(message: str, why: str, fix: str) -> Refusal:
    return Refusal("checkpoint-broken", message, why, fix)
