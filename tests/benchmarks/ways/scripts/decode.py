"""Latents to a picture, as the pipelines do it, without a pipeline."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image


def decode(vae: Any, latents: torch.Tensor) -> Image.Image:
    """(1, 4, h, w) → a picture of eight times the size."""
    with torch.no_grad():
        decoded = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    return VaeImageProcessor().postprocess(decoded, output_type="pil")[0]
