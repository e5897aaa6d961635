"""Names that other tools use: ComfyUI, AUTOMATIC1111's web UI, samplers as papers write them.

Their spelling is too different from graphflow's names for a suggestion, so messages look them up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphflow.problems import nearest

KEYS: dict[str, str] = {
    "cfg": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "ckpt": "checkpoint",
    "ckpt_name": "checkpoint",
    "controlnet": "control",
    "denoise": "strength",
    "denoising_strength": "strength",
    "guidance": "guidance_scale",
    "h": "height",
    "init_image": "image",
    "mask_image": "mask",
    "model": "checkpoint",
    "model_id": "checkpoint",
    "neg": "negative_prompt",
    "negative": "negative_prompt",
    "noise_seed": "seed",
    "num_steps": "num_inference_steps",
    "positive": "prompt",
    "sampler": "scheduler",
    "sampler_name": "scheduler",
    "steps": "num_inference_steps",
    "text": "prompt",
    "w": "width",
}
"""Name in another tool → port or param of graphflow."""

TYPES: dict[str, tuple[str, ...]] = {
    "BatchImages": ("image_grid",),
    "CLIPTextEncode": ("text2img", "img2img"),
    "CheckpointLoaderSimple": ("text2img", "img2img"),
    "ControlNetApply": ("controlnet_condition",),
    "ControlNetApplyAdvanced": ("controlnet_condition",),
    "GrowMask": ("mask_grow",),
    "ImageScale": ("resize",),
    "InvertMask": ("mask_invert",),
    "KSampler": ("text2img", "img2img"),
    "KSamplerAdvanced": ("text2img", "img2img"),
    "LoadImage": ("load_image",),
    "VAEDecode": ("vae_decode",),
    "VAEEncode": ("vae_encode",),
    "txt2img": ("text2img",),
}
"""Node type of another tool → node types of graphflow."""


def key_meant(key: str, known: Sequence[str]) -> str | None:
    """The known key that `key` means in another tool, else the nearest known key."""
    alias = KEYS.get(key.lower())
    return alias if alias in known else nearest(key, known)


def types_meant(name: str, known: Sequence[str]) -> list[str]:
    """The known node types that `name` means in another tool, else the nearest known node type."""
    meant = [type_ for type_ in TYPES.get(name, ()) if type_ in known]
    close = None if meant else nearest(name, known)
    return meant if close is None else [close]


def choices_meant(value: str, known: Sequence[str]) -> list[str]:
    """The allowed values of which `value` is another spelling or the beginning, else the nearest one.

    `dpm++ 2m karras` is `dpmpp_2m_karras`; `DPM++` is the beginning of `dpmpp_2m` and `dpmpp_2m_karras`.
    """
    word = re.sub(r"[\s-]+", "_", value.strip().lower().replace("++", "pp"))
    if word in known:
        return [word]
    if longer := [name for name in known if len(word) > 2 and name.startswith(word)]:
        return longer
    close = nearest(word, known) or nearest(value, known)
    return [] if close is None else [close]


def did_you_mean_one_of(names: Sequence[str]) -> str:
    """`did you mean a?`, or `did you mean a, b or c?`."""
    listed = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"did you mean {listed}?"
