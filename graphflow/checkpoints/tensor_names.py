"""Translate names of tensors from earlier versions of diffusers and transformers to the current ones.

The name of a tensor determines its place in a model, so the same names must be used to compare files. There are two
exceptions: `text_model.` is always removed, since transformers 5 writes it for only one of its two CLIP text encoders;
and unknown names are not changed.
"""

from __future__ import annotations

import re

_ATTENTION_BEFORE_0_18 = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_BEFORE_0_18 = re.compile(r"(?<=\.)(query|key|value|proj_attn)(?=\.(weight|bias)$)")
_OPEN = "text_model."


def in_folder(name: str) -> str | None:
    """The current name of a tensor in a folder in diffusers' layout; None if models no longer have the tensor.

    Known earlier names are those of attention layers of diffusers before 0.18 (whose matrices were convolutions of one
    pixel, with the same bytes), `text_model.` of transformers before 5, and its `position_ids`, which are no longer
    stored.
    """
    if name == "position_ids" or name.endswith(".position_ids"):
        return None
    name = name.removeprefix(_OPEN)
    if "attentions." in name:
        return _BEFORE_0_18.sub(lambda match: _ATTENTION_BEFORE_0_18[match[1]], name)
    return name
