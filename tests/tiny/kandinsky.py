"""What Kandinsky 2.2 has of its own: a prior that makes an embedding of a picture, a decoder, and MoVQ.

Kinds of blocks, learned variance and names are the published ones; widths and counts of layers are not.
"""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler, PriorTransformer, UnCLIPScheduler, UNet2DConditionModel, VQModel
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from tests.tiny import parts

WIDTH = 16
"""Of embeddings."""
_EYE = 28  # pixels that the image encoder sees, per side


def unet(seed: int, *, channels: int = 4, width: int = WIDTH, out_channels: int = 8) -> UNet2DConditionModel:
    """`channels` = 9 is for inpainting."""
    return parts.random_weights(
        lambda: UNet2DConditionModel(
            sample_size=parts.SIZE // parts.FACTOR,
            in_channels=channels,
            out_channels=out_channels,
            addition_embed_type="image",
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"),
            up_block_types=("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            block_out_channels=(8, 8, 16),
            layers_per_block=1,
            encoder_hid_dim=width,
            encoder_hid_dim_type="image_proj",
            cross_attention_dim=12,
            attention_head_dim=4,
            norm_num_groups=4,
            resnet_time_scale_shift="scale_shift",
        ),
        seed,
    )


def movq(seed: int) -> VQModel:
    model = parts.random_weights(
        lambda: VQModel(
            down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
            up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
            block_out_channels=(32, 32, 32, 32),  # its decoder normalises in 32 groups
            layers_per_block=1,
            latent_channels=4,
            num_vq_embeddings=12,
            vq_embed_dim=4,
            norm_num_groups=4,
            norm_type="spatial",
            sample_size=parts.SIZE,
        ),
        seed,
    )
    with torch.no_grad():
        model.decoder.conv_out.weight.mul_(0.4)  # pictures with contrast that seldom reach 0 or 255
    return model


def scheduler() -> DDPMScheduler:
    """The decoder's."""
    return DDPMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        sample_max_value=2.0,
        thresholding=True,
        variance_type="learned_range",
    )


def prior(seed: int) -> PriorTransformer:
    return parts.random_weights(
        lambda: PriorTransformer(num_attention_heads=2, attention_head_dim=8, num_layers=2, embedding_dim=WIDTH), seed
    )


def prior_scheduler() -> UnCLIPScheduler:
    return UnCLIPScheduler(clip_sample_range=5.0, prediction_type="sample")


def image_encoder(seed: int) -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=_EYE,
        patch_size=14,
        hidden_act="gelu",
    )
    return parts.random_weights(lambda: CLIPVisionModelWithProjection(config), seed)


def text_encoder(seed: int) -> CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=len(parts.bpe()[0]),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act="gelu",
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    return parts.random_weights(lambda: CLIPTextModelWithProjection(config), seed)


def image_processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(crop_size=_EYE, size=_EYE)
