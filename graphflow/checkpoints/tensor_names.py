"""Names of tensors as current diffusers and transformers write them, whatever version of the libraries wrote a file.

What a tensor is called decides where it goes in a model, so files are compared under one set of names. Two freedoms are
left: `text_model.`, which transformers 5 writes for one of its two CLIP text encoders and not for the other, is always
left out, and a tensor of an unknown name keeps it.
"""

from __future__ import annotations

import re

_ATTENTION_BEFORE_0_18 = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_BEFORE_0_18 = re.compile(r"(?<=\.)(query|key|value|proj_attn)(?=\.(weight|bias)$)")
_OPEN = "text_model."


def in_folder(name: str) -> str | None:
    """The current name of a tensor in a file of a folder in diffusers' layout; None where models no longer have it.

    Known earlier names: attention of diffusers before 0.18 (its matrices were convolutions of one pixel, with the same
    bytes), `text_model.` of transformers before 5, and its `position_ids`, which are no longer stored.
    """
    if name == "position_ids" or name.endswith(".position_ids"):
        return None
    name = name.removeprefix(_OPEN)
    if "attentions." in name:
        return _BEFORE_0_18.sub(lambda match: _ATTENTION_BEFORE_0_18[match[1]], name)
    return name
