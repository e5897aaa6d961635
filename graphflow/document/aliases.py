"""Names that other tools have for what a graph writes: ComfyUI, AUTOMATIC1111's web UI, samplers as papers write them.

No spelling leads from them to the names here, so messages look them up.
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
"""Port or param elsewhere → here."""

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
"""Node type elsewhere → here."""


def key_meant(key: str, known: Sequence[str]) -> str | None:
    """The known key that `key` stands for in another tool, else the one that it is most likely a slip of."""
    alias = KEYS.get(key.lower())
    return alias if alias in known else nearest(key, known)


def types_meant(name: str, known: Sequence[str]) -> list[str]:
    """The known node types that `name` stands for in another tool, else the one that it is most likely a slip of."""
    found = [one for one in TYPES.get(name, ()) if one in known]
    close = None if found else nearest(name, known)
    return found if close is None else [close]


def choices_meant(value: str, known: Sequence[str]) -> list[str]:
    """The allowed values that `value` is another spelling or the beginning of, else the nearest one.

    `dpm++ 2m karras` is `dpmpp_2m_karras`; `DPM++` begins `dpmpp_2m` and `dpmpp_2m_karras`.
    """
    word = re.sub(r"[\s-]+", "_", value.strip().lower().replace("++", "pp"))
    if word in known:
        return [word]
    if begun := [one for one in known if len(word) > 2 and one.startswith(word)]:
        return begun
    close = nearest(word, known) or nearest(value, known)
    return [] if close is None else [close]


def did_you_mean_one_of(names: Sequence[str]) -> str:
    """`did you mean a?`, or `did you mean a, b or c?`."""
    listed = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"did you mean {listed}?"
