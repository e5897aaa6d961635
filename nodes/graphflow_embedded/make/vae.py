"""Train the autoencoder on crops of drawn pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from graphflow_embedded.make import models
from graphflow_embedded.make.data import Pictures
from graphflow_embedded.make.loop import Plan, precision, train


def train_vae(
    plan: Plan, pictures: Pictures, device: torch.device, *, batch: int = 16, crop: int = 64
) -> AutoencoderKL:
    """Train on `crop` by `crop` pixels at random places; sets the scaling factor so that latents have deviation 1."""
    torch.manual_seed(plan.seed)
    vae = models.vae().to(device, memory_format=torch.channels_last)

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


def _difference(y: Tensor, x: Tensor) -> Tensor:
    slopes = sum(F.l1_loss(y.diff(dim=axis), x.diff(dim=axis)) for axis in (2, 3))
    return F.l1_loss(y, x) + 0.5 * slopes + F.mse_loss(y, x)


def _crops(pictures: Pictures, batch: int, crop: int, generator: torch.Generator) -> Tensor:
    """(batch, 3, crop, crop) float in -1 to 1, half of them mirrored."""
    size = pictures.pixels.shape[1]
    chosen = torch.randint(len(pictures), (batch,), generator=generator).tolist()
    corners = torch.randint(size - crop + 1, (batch, 2), generator=generator).tolist()
    crops = [pictures.pixels[n, r : r + crop, c : c + crop] for n, (r, c) in zip(chosen, corners, strict=True)]
    x = torch.stack([torch.from_numpy(part.copy()) for part in crops]).permute(0, 3, 1, 2).float() / 127.5 - 1
    x[::2] = x[::2].flip(3)
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Tensor, device: torch.device, *, batch: int = 32) -> Tensor:
    """Scaled latents (N, 4, 16, 16) float16 of uint8 pictures (N, 128, 128, 3): the posterior's mean."""
    parts = []
    for start in range(0, len(pixels), batch):
        x = pixels[start : start + batch].permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        with precision(device):
            mean = vae.encode(x.contiguous(memory_format=torch.channels_last)).latent_dist.mean
        parts.append((mean.float() * vae.config.scaling_factor).half().cpu())
    return torch.cat(parts)


@torch.no_grad()
def _scaling(vae: AutoencoderKL, pictures: Pictures, device: torch.device) -> float:
    vae.register_to_config(scaling_factor=1.0)
    latents = encode(vae, torch.from_numpy(pictures.pixels[:256]), device)
    return round(1 / latents.float().std().item(), 5)
