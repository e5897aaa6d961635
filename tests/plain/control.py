"""Stable Diffusion and XL steered by ControlNets: one call of diffusers each.

`nets`: the folder of a ControlNet, or a list of them; then `control` is a list too, and so may be `scale`, `start` and
`end`. `xl` takes SDXL's classes. `**call` goes to the call, `load` to `from_pretrained`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetInpaintPipeline,
    StableDiffusionXLControlNetPipeline,
)
from PIL import Image

from tests.plain.scripts import Output, Result, Scheduler, prepare, unwrap

Nets: TypeAlias = "Path | list[Path]"
Control: TypeAlias = "Image.Image | torch.Tensor | list[Image.Image | torch.Tensor]"
Share: TypeAlias = "float | list[float]"


def control_text2img(
    folder: Path,
    nets: Nets,
    prompt: str,
    control: Control,
    negative_prompt: str | None = None,
    *,
    scale: Share = 1.0,
    start: Share = 0.0,
    end: Share = 1.0,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
    xl: bool = False,
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    kind = StableDiffusionXLControlNetPipeline if xl else StableDiffusionControlNetPipeline
    pipe = _load(kind, folder, nets, xl, load)
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        image=control,
        controlnet_conditioning_scale=scale,
        control_guidance_start=start,
        control_guidance_end=end,
        height=height,
        width=width,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def control_img2img(
    folder: Path,
    nets: Nets,
    prompt: str,
    image: Image.Image | torch.Tensor,
    control: Control,
    negative_prompt: str | None = None,
    *,
    scale: Share = 0.8,
    start: Share = 0.0,
    end: Share = 1.0,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    strength: float = 0.8,
    scheduler: Scheduler = None,
    height: int = 64,
    width: int = 64,
    output_type: Output = "pil",
    xl: bool = False,
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    """`image`: a picture or latents; `height` and `width` are its size."""
    kind = StableDiffusionXLControlNetImg2ImgPipeline if xl else StableDiffusionControlNetImg2ImgPipeline
    pipe = _load(kind, folder, nets, xl, load)
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        image=image,
        control_image=control,
        controlnet_conditioning_scale=scale,
        control_guidance_start=start,
        control_guidance_end=end,
        height=height,
        width=width,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def control_inpaint(
    folder: Path,
    nets: Nets,
    prompt: str,
    image: Image.Image,
    mask: Image.Image,
    control: Control,
    negative_prompt: str | None = None,
    *,
    scale: Share = 0.5,
    start: Share = 0.0,
    end: Share = 1.0,
    seed: int = 0,
    steps: int = 2,
    guidance: float = 7.5,
    strength: float = 1.0,
    padding_mask_crop: int | None = None,
    scheduler: Scheduler = None,
    height: int | None = 64,
    width: int | None = 64,
    output_type: Output = "pil",
    xl: bool = False,
    load: Mapping[str, Any] | None = None,
    **call: Any,
) -> Result:
    """With a UNet of 4 or 9 channels."""
    kind = StableDiffusionXLControlNetInpaintPipeline if xl else StableDiffusionControlNetInpaintPipeline
    pipe = _load(kind, folder, nets, xl, load)
    prepare(pipe, scheduler)
    result = pipe(
        prompt,
        negative_prompt=negative_prompt,
        image=image,
        mask_image=mask,
        control_image=control,
        controlnet_conditioning_scale=scale,
        control_guidance_start=start,
        control_guidance_end=end,
        height=height,
        width=width,
        padding_mask_crop=padding_mask_crop,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
        **call,
    ).images
    return unwrap(result)


def inpaint_condition(image: Image.Image, mask: Image.Image) -> torch.Tensor:
    """(1, 3, H, W): pixels from 0 to 1, and -1 where the mask is more than half white, as diffusers' guide has it."""
    pixels = np.array(image.convert("RGB")).astype(np.float32) / 255
    pixels[np.array(mask.convert("L")).astype(np.float32) / 255 > 0.5] = -1.0
    return torch.from_numpy(pixels[None].transpose(0, 3, 1, 2))


def _load(kind: type, folder: Path, nets: Nets, xl: bool, load: Mapping[str, Any] | None) -> Any:
    load = load or {}
    dtype = {"dtype": load["dtype"]} if "dtype" in load else {}
    found = [ControlNetModel.from_pretrained(net, **dtype) for net in (nets if isinstance(nets, list) else [nets])]
    controlnet = found if isinstance(nets, list) else found[0]
    off = {"add_watermarker": False} if xl else {"safety_checker": None}
    return kind.from_pretrained(folder, controlnet=controlnet, **off, **load)
