"""Tiny random VAEs of other classes than AutoencoderKL."""

from __future__ import annotations

import torch
from diffusers import AsymmetricAutoencoderKL, AutoencoderTiny

from tests.tiny import parts


def tiny(seed: int) -> AutoencoderTiny:
    """One that encodes without drawing, eight pixels to a cell."""
    return parts.random_weights(
        lambda: AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            num_encoder_blocks=(1, 1, 1, 1),
            num_decoder_blocks=(1, 1, 1, 1),
        ),
        seed,
    )


def asymmetric(seed: int) -> AsymmetricAutoencoderKL:
    """One whose decoder has more channels than its encoder, and sees the picture around a mask."""
    model = parts.random_weights(
        lambda: AsymmetricAutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            down_block_out_channels=(8, 8, 16, 16),
            layers_per_down_block=1,
            up_block_types=("UpDecoderBlock2D",) * 4,
            up_block_out_channels=(16, 16, 32, 32),
            layers_per_up_block=1,
            norm_num_groups=4,
            sample_size=parts.SIZE,
        ),
        seed,
    )
    with torch.no_grad():
        model.decoder.conv_out.weight.mul_(0.4)
    return model
