"""Train ControlNets on a finished text-to-image denoiser: canny edges, depth, and inpainting."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from graphflow_embedded.make import models
from graphflow_embedded.make.data import Pictures
from graphflow_embedded.make.denoise import Noiser, read_only
from graphflow_embedded.make.latents import Encoded
from graphflow_embedded.make.loop import Plan, layout, precision, train

Control = Literal["canny", "depth", "inpaint"]


def control_pixels(kind: Control, pictures: Pictures) -> np.ndarray:
    """The source of each picture's control: (N, 128, 128) uint8 edges or depth, or the (N, 128, 128, 3) pixels."""
    if kind == "canny":
        return np.stack([edges(pixels) for pixels in pictures.pixels])
    return pictures.depth if kind == "depth" else pictures.pixels


def edges(pixels: np.ndarray) -> np.ndarray:
    """Canny edges (H, W) uint8, by the call and the thresholds of the node `controlnet_condition`."""
    return cv2.Canny(pixels, 100, 200)


def control_picture(kind: Control, pixels: Tensor, gaps: Tensor | None = None) -> Tensor:
    """Control pictures in the pipelines' form: (B, 3, H, W) float, 0 to 1; masked pixels are -1 for inpaint."""
    if kind != "inpaint":
        return (pixels.float() / 255)[:, None].expand(-1, 3, -1, -1)
    picture = pixels.permute(0, 3, 1, 2).float() / 255
    return picture if gaps is None else torch.where(gaps[:, None] > 127, -1.0, picture)


def train_controlnet(
    plan: Plan, kind: Control, noiser: Noiser, controls: np.ndarray, text: CLIPTextModel, unet: UNet2DConditionModel
) -> ControlNetModel:
    """Train a ControlNet of `kind`; `controls` are the rows of `control_pixels` in the noiser's order."""
    torch.manual_seed(plan.seed)
    net = models.controlnet(unet).to(noiser.device, memory_format=layout(noiser.device))
    read_only(text).to(noiser.device)
    read_only(unet).to(noiser.device, memory_format=layout(noiser.device))
    models.plain_attention(net)
    models.plain_attention(unet)
    source = torch.from_numpy(controls)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        lot = noiser.draw(generator)
        picture = control_picture(kind, source[lot.chosen], _gaps(kind, noiser.rows, lot.chosen)).to(noiser.device)
        with precision(noiser.device):
            with torch.no_grad():
                told = text(lot.tokens)[0]
            down, middle = net(lot.noisy, lot.steps, told, picture, return_dict=False)
            guess = unet(
                lot.noisy, lot.steps, told, down_block_additional_residuals=down, mid_block_additional_residual=middle
            ).sample
        return noiser.loss(guess, lot)

    train(plan, net, loss_of)
    return net


def _gaps(kind: Control, rows: Encoded, chosen: Tensor) -> Tensor | None:
    return rows.holes[chosen] if kind == "inpaint" else None
