"""The upscalers' own parts: the UNets of the latent upscaler (×2) and of the ×4 upscaler, and the latter's VAE.

Kinds of blocks and names are the published ones; widths and counts of layers are not.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, EulerDiscreteScheduler, UNet2DConditionModel

from tests.tiny import parts

_K_WIDTHS = (32, 32, 64, 64)
"""Norms have groups of 32 channels, and the last width is that of the time's embedding, twice the first."""
_NOISE_LEVEL, _CONTEXT = 128, 16


def latent_unet(seed: int, **other: Any) -> UNet2DConditionModel:
    """Of the latent upscaler: reads noise and latents, and a text's summary beside the time; `other`: its config's."""
    config: dict[str, Any] = {
        "sample_size": parts.SIZE // parts.FACTOR,
        "in_channels": 8,
        "out_channels": 5,
        "down_block_types": ("KDownBlock2D",) + ("KCrossAttnDownBlock2D",) * 3,
        "up_block_types": ("KCrossAttnUpBlock2D",) * 3 + ("KUpBlock2D",),
        "mid_block_type": None,
        "block_out_channels": _K_WIDTHS,
        "layers_per_block": 1,
        "only_cross_attention": [False, True, True, True],
        "cross_attention_dim": _CONTEXT,
        "attention_head_dim": 16,
        "norm_num_groups": None,
        "act_fn": "gelu",
        "time_embedding_type": "fourier",
        "timestep_post_act": "gelu",
        "time_cond_proj_dim": _NOISE_LEVEL + _CONTEXT,
        "resnet_time_scale_shift": "scale_shift",
        "conv_in_kernel": 1,
        "conv_out_kernel": 1,
    }
    return parts.random_weights(lambda: UNet2DConditionModel(**config | other), seed)


def latent_scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="sample"
    )


def pixel_unet(seed: int, **other: Any) -> UNet2DConditionModel:
    """Of the ×4 upscaler: reads latents, a picture, and how much noise is in the picture; `other`: its config's."""
    config: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": 7,
        "block_out_channels": (8, 8, 16, 16),
        "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
        "up_block_types": ("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
        "layers_per_block": 2,
        "only_cross_attention": [True, True, True, False],
        "cross_attention_dim": 24,
        "attention_head_dim": 2,
        "num_class_embeds": 1000,
        "use_linear_projection": True,
        "norm_num_groups": 4,
    }
    return parts.random_weights(lambda: UNet2DConditionModel(**config | other), seed)


def pixel_vae(seed: int, *, scaling_factor: float = 0.08333) -> AutoencoderKL:
    """Of the ×4 upscaler: a cell for 4×4 pixels."""
    model = parts.random_weights(
        lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 8, 16),
            layers_per_block=2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=64,
            scaling_factor=scaling_factor,
        ),
        seed,
    )
    with torch.no_grad():
        model.decoder.conv_out.weight.mul_(0.4)  # pictures with contrast that seldom reach 0 or 255
    return model


def low_res_scheduler() -> DDPMScheduler:
    return DDPMScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear")
