"""Train the autoencoder on crops of drawn pictures."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from graphflow_embedded.make import models
from graphflow_embedded.make.data import Pictures
from graphflow_embedded.make.loop import Plan, layout, precision, train


def train_vae(
    plan: Plan,
    pictures: Pictures,
    device: torch.device,
    *,
    start: AutoencoderKL | None = None,
    batch: int = 16,
    crop: int = 64,
) -> AutoencoderKL:
    """Train on `crop` by `crop` pixels at random places; sets the scaling factor so that latents have deviation 1.

    Starts from `start` if given; then everything that was trained on its latents becomes invalid.
    """
    torch.manual_seed(plan.seed)
    vae = (models.vae() if start is None else start).to(device, memory_format=layout(device))

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        x = _crops(pictures, batch, crop, generator).to(device)
        with precision(device):
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample(generator=None)).sample
        # The tiny KL weight only keeps latents from drifting; sharpness comes from the slopes' term.
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
        return _difference(y.float(), x) + 1e-4 * kl

    train(plan, vae, loss_of)
    vae.register_to_config(scaling_factor=_scaling(vae, pictures, device))
    return vae


class HalfSize(nn.Module):
    """The autoencoder with its decoder cut off at half the picture's size, for a third of the work per step.

    The layers at full size take most of the time and teach the encoder least.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae
        width = vae.config.block_out_channels[-2]
        self.head = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))
        for part in (vae.decoder.up_blocks[2:], vae.decoder.conv_norm_out, vae.decoder.conv_out):
            part.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From (B, 3, H, W) to the guess of the same at half the size, and the KL term."""
        posterior = self.vae.encode(x).latent_dist
        y = self.vae.decoder.conv_in(self.vae.post_quant_conv(posterior.sample()))
        y = self.vae.decoder.mid_block(y)
        for block in self.vae.decoder.up_blocks[:2]:
            y = block(y)
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
        return self.head(y), kl


def train_encoder(
    plan: Plan, vae: AutoencoderKL, pictures: Pictures, device: torch.device, *, batch: int = 24, crop: int = 64
) -> AutoencoderKL:
    """Train the encoder and the inner decoder on half-size targets; the outer decoder must be polished afterwards."""
    torch.manual_seed(plan.seed)
    model = HalfSize(vae).to(device, memory_format=layout(device))

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        x = _crops(pictures, batch, crop, generator).to(device)
        with precision(device):
            guess, kl = model(x)
        return _difference(guess.float(), F.avg_pool2d(x, 2)) + 1e-4 * kl

    train(plan, model, loss_of)
    vae.requires_grad_(True)
    vae.register_to_config(scaling_factor=_scaling(vae, pictures, device))
    return vae


def polish_decoder(
    plan: Plan, vae: AutoencoderKL, pictures: Pictures, device: torch.device, *, batch: int = 16, crop: int = 64
) -> AutoencoderKL:
    """Train the decoder on the finished encoder's latents, with the errors of denoisers and half precision added."""
    vae.to(device, memory_format=layout(device))
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        x = _recoloured(_crops(pictures, batch, crop, generator), generator).to(device)
        with precision(device):
            with torch.no_grad():
                mean = vae.encode(x).latent_dist.mean
            rough = 0.02 * torch.randn(mean.shape, generator=generator).to(device) / vae.config.scaling_factor
            y = vae.decode(mean + rough).sample
        return _difference(y.float(), x)

    train(plan, vae, loss_of)
    return vae


ANCHOR = 10.0
"""Weight of the latents' squared distance from where they were, in their own deviation."""


def tune_vae(
    plan: Plan, vae: AutoencoderKL, plain: Pictures, styled: Pictures, device: torch.device, *, crop: int = 64
) -> AutoencoderKL:
    """Train all of a finished autoencoder without changing the latents of plain drawings.

    So models that were trained on them stay valid, while other colours and styles get better latents. A step sees
    eight plain crops, four recoloured and four `styled` ones.
    """
    vae.to(device, memory_format=layout(device))
    before, scale = deepcopy(vae.encoder).requires_grad_(False), vae.config.scaling_factor

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        free = _recoloured(_crops(plain, 4, crop, generator), generator, share=1)
        x = torch.cat([_crops(plain, 8, crop, generator), free, _crops(styled, 4, crop, generator)]).to(device)
        with precision(device):
            posterior = vae.encode(x).latent_dist
            rough = 0.03 * torch.randn(posterior.mean.shape, generator=generator).to(device) / scale
            y = vae.decode(posterior.mean + rough).sample
            with torch.no_grad():
                kept = vae.quant_conv(before(x[:8])).chunk(2, 1)[0]
        away = F.mse_loss(posterior.mean[:8].float(), kept.float()) * scale**2
        # Without a bound, latents of other pictures would grow to drown the added errors.
        far = (posterior.mean[8:].float().abs() * scale - 4).clamp(min=0).square().mean()
        return _difference(y.float(), x) + ANCHOR * away + far

    vae.quant_conv.requires_grad_(False)
    train(plan, vae, loss_of)
    vae.quant_conv.requires_grad_(True)
    return vae


def _difference(y: Tensor, x: Tensor) -> Tensor:
    slopes = sum(F.l1_loss(y.diff(dim=axis), x.diff(dim=axis)) for axis in (2, 3))
    # Squares weigh most, because they fix colours first. Slopes keep edges, but much of them is unpredictable grain.
    return F.l1_loss(y, x) + 0.25 * slopes + 3 * F.mse_loss(y, x)


def _crops(pictures: Pictures, batch: int, crop: int, generator: torch.Generator) -> Tensor:
    """(batch, 3, crop, crop) float in -1 to 1, half of them mirrored; at whole cells, as blocks of pixels lie."""
    size, cell = pictures.pixels.shape[1], 8
    chosen = torch.randint(len(pictures), (batch,), generator=generator).tolist()
    corners = (cell * torch.randint((size - crop) // cell + 1, (batch, 2), generator=generator)).tolist()
    crops = [pictures.pixels[n, r : r + crop, c : c + crop] for n, (r, c) in zip(chosen, corners, strict=True)]
    x = torch.stack([torch.from_numpy(part.copy()) for part in crops]).permute(0, 3, 1, 2).float() / 127.5 - 1
    x[::2] = x[::2].flip(3)
    return x.contiguous()


def _recoloured(x: Tensor, generator: torch.Generator, share: float = 0.25) -> Tensor:
    """The crops, some with other colours and contrast, since photographs have other colours than drawings."""
    count = int(len(x) * share)
    order = torch.randperm(3, generator=generator)
    bend, paleness = (torch.rand(count, 1, 1, 1, generator=generator) for _ in range(2))
    light = ((x[:count, order] + 1) / 2).clamp(0, 1) ** (0.6 + bend)
    grey = light.mean(1, keepdim=True)
    tint = 0.6 + 0.6 * torch.rand(count, 3, 1, 1, generator=generator)
    x[:count] = 2 * ((grey + 1.2 * paleness * (light - grey)) * tint).clamp(0, 1) - 1
    return x


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Tensor, device: torch.device, *, batch: int = 8) -> Tensor:
    """Scaled latents (N, 4, 16, 16) float16 of uint8 pictures (N, 128, 128, 3): the posterior's mean."""
    parts = []
    for start in range(0, len(pixels), batch):
        x = pixels[start : start + batch].permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        with precision(device):
            mean = vae.encode(x.contiguous(memory_format=layout(device))).latent_dist.mean
        parts.append((mean.float() * vae.config.scaling_factor).half().cpu())
    return torch.cat(parts)


@torch.no_grad()
def round_trip(vae: AutoencoderKL, pixels: np.ndarray, batch: int = 32) -> np.ndarray:
    """(N, H, W, 3) uint8 through the autoencoder and back."""
    parts = []
    for start in range(0, len(pixels), batch):
        x = torch.from_numpy(pixels[start : start + batch]).permute(0, 3, 1, 2).float() / 127.5 - 1
        y = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        parts.append(((y + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


@torch.no_grad()
def _scaling(vae: AutoencoderKL, pictures: Pictures, device: torch.device) -> float:
    vae.register_to_config(scaling_factor=1.0)
    latents = encode(vae, torch.from_numpy(pictures.pixels[:256]), device)
    return round(1 / latents.float().std().item(), 5)
