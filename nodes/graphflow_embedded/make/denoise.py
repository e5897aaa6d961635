"""Train denoisers: the text-to-image one with its text encoder, the inpainting one, and styles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from graphflow_embedded.make import models
from graphflow_embedded.make.latents import Encoded, small_mask
from graphflow_embedded.make.loop import Plan, layout, precision, train

CAPTION_DROP = 0.1
"""Share of rows trained without their caption, for classifier-free guidance."""


class Noiser:
    """Draws rows, steps and noise for one training step, and knows what the denoiser should answer."""

    def __init__(self, rows: Encoded, shapes: np.ndarray, empty: Tensor, device: torch.device, batch: int) -> None:
        """`shapes` (N, 128, 128) uint8 are 255 on the drawn shapes of each row."""
        self.rows, self.empty, self.device, self.batch = rows, empty, device, batch
        self.focus = _focus(shapes)
        self.share = self.focus.mean().item()
        self.signal = models.noise_schedule().alphas_cumprod.to(device)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Row numbers (B,), token ids (B, 40), noisy latents (B, 4, 16, 16), steps (B,), wanted velocity."""
        chosen = torch.randint(len(self.rows), (self.batch,), generator=generator)
        wording = torch.randint(self.rows.tokens.shape[1], (self.batch,), generator=generator)
        tokens = self.rows.tokens[chosen, wording].long()
        dropped = torch.rand(self.batch, generator=generator) < CAPTION_DROP
        tokens = torch.where(dropped[:, None], self.empty, tokens).to(self.device)
        steps = _steps(self.batch, generator).to(self.device)
        clean = self.rows.latents[chosen].float().to(self.device)
        noise = torch.randn(clean.shape, generator=generator).to(self.device)
        keep = self.signal[steps].view(-1, 1, 1, 1)
        noisy = keep.sqrt() * clean + (1 - keep).sqrt() * noise
        wanted = keep.sqrt() * noise - (1 - keep).sqrt() * clean
        return chosen, tokens, noisy.contiguous(memory_format=layout(self.device)), steps, wanted

    def loss(self, guess: Tensor, wanted: Tensor, chosen: Tensor, steps: Tensor) -> Tensor:
        """Mean squared error, cells on a shape weighing up to five times: they are few, and what prompts are about.

        Not so in heavy noise, where it isn't settled yet where the shape lies: the weight would put it everywhere.
        """
        clear = self.signal[steps].view(-1, 1, 1, 1)
        weight = 1 + 4 * clear * self.focus[chosen].to(self.device)
        return ((guess.float() - wanted) ** 2 * weight / (1 + 4 * clear * self.share)).mean()


def _focus(shapes: np.ndarray) -> Tensor:
    """(N, 1, 16, 16): 1 wherever a cell or its neighbour touches a shape, else 0."""
    cells = shapes.reshape(len(shapes), models.LATENT, 8, models.LATENT, 8).max((2, 4)) > 127
    return F.max_pool2d(torch.from_numpy(cells)[:, None].float(), 3, 1, 1)


def _steps(batch: int, generator: torch.Generator) -> Tensor:
    """Steps over 0 to 999, one from each of `batch` ranges: less noise in the loss.

    Noisy ones come more often: they decide what is where, the others only grain.
    """
    even = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (even**0.7 * 1000).long().clamp(max=999)


class TextAndImage(nn.Module):
    """The two models that learn together."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet


def train_sd(plan: Plan, noiser: Noiser, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
    """Train text encoder and denoiser together."""
    model = TextAndImage(text, unet).to(noiser.device)
    unet.to(memory_format=layout(noiser.device))

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        chosen, tokens, noisy, steps, wanted = noiser.draw(generator)
        with precision(noiser.device):
            guess = unet(noisy, steps, text(tokens)[0]).sample
        return noiser.loss(guess, wanted, chosen, steps)

    train(plan, model, loss_of)


def read_only(model: nn.Module) -> nn.Module:
    """The same model, its parameters no longer trained."""
    return model.requires_grad_(False).eval()


def train_unet(plan: Plan, noiser: Noiser, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
    """Train a denoiser on the finished text encoder: a style (4 channels) or inpainting (9)."""
    read_only(text).to(noiser.device)
    unet.to(noiser.device, memory_format=layout(noiser.device))
    seen: Callable[[Tensor, Tensor], Tensor] = noiser_input(noiser) if unet.config.in_channels == 9 else _only_noisy

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        chosen, tokens, noisy, steps, wanted = noiser.draw(generator)
        with precision(noiser.device):
            with torch.no_grad():
                told = text(tokens)[0]
            guess = unet(seen(chosen, noisy), steps, told).sample
        return noiser.loss(guess, wanted, chosen, steps)

    train(plan, unet, loss_of)


def _only_noisy(chosen: Tensor, noisy: Tensor) -> Tensor:
    del chosen
    return noisy


def noiser_input(noiser: Noiser) -> Callable[[Tensor, Tensor], Tensor]:
    """Adds mask and surroundings to noisy latents: 4 + 1 + 4 channels, in the inpainting pipeline's order."""

    def join(chosen: Tensor, noisy: Tensor) -> Tensor:
        mask = small_mask(noiser.rows.holes[chosen]).to(noiser.device)
        around = noiser.rows.around[chosen].float().to(noiser.device)
        return torch.cat([noisy, mask, around], 1).contiguous(memory_format=layout(noiser.device))

    return join


def widened(base: UNet2DConditionModel) -> UNet2DConditionModel:
    """A 9-channel copy of `base` that at first ignores the five new channels."""
    wide = models.unet(9)
    weights = base.state_dict()
    old = weights["conv_in.weight"]
    weights["conv_in.weight"] = torch.cat([old, old.new_zeros(old.shape[0], 5, *old.shape[2:])], 1)
    wide.load_state_dict(weights)
    return wide
