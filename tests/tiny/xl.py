"""What Stable Diffusion XL has of its own; its VAE and first text encoder are built as Stable Diffusion's are.

Block structure, projections and names are the published ones; widths are not, and a block has fewer transformer layers
(1, 2, 3 and not 1, 2, 10). The base reads both text encoders side by side, the refiner only the second one, whose
pooled output goes to both with six numbers (sizes and crop) or five (an aesthetic score for the target size).
"""

from __future__ import annotations

from diffusers import EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from tests.tiny import parts

SCALING_FACTOR = 0.13025
WIDTH, WIDTH_2 = 16, 24
"""Of the two text encoders."""
_TIME = 8  # embedded width of each of the numbers


def unet(seed: int, *, channels: int = 4) -> UNet2DConditionModel:
    """The base's, or with 9 channels an inpainting one."""
    return parts.random_weights(
        lambda: UNet2DConditionModel(
            sample_size=parts.SIZE // parts.FACTOR,
            in_channels=channels,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 8, 16),
            layers_per_block=2,
            transformer_layers_per_block=[1, 2, 3],
            attention_head_dim=[1, 1, 2],
            cross_attention_dim=WIDTH + WIDTH_2,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=_TIME,
            projection_class_embeddings_input_dim=WIDTH_2 + 6 * _TIME,
            norm_num_groups=4,
        ),
        seed,
    )


def refiner_unet(seed: int) -> UNet2DConditionModel:
    return parts.random_weights(
        lambda: UNet2DConditionModel(
            sample_size=parts.SIZE // parts.FACTOR,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 8, 16, 16),
            layers_per_block=2,
            transformer_layers_per_block=2,
            attention_head_dim=[1, 1, 2, 2],
            cross_attention_dim=WIDTH_2,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=_TIME,
            projection_class_embeddings_input_dim=WIDTH_2 + 5 * _TIME,
            norm_num_groups=4,
        ),
        seed,
    )


def text_encoder_2(seed: int) -> CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=len(parts.bpe()[0]),
        hidden_size=WIDTH_2,
        intermediate_size=2 * WIDTH_2,
        projection_dim=WIDTH_2,
        num_hidden_layers=3,
        num_attention_heads=2,
        hidden_act="gelu",
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    return parts.random_weights(lambda: CLIPTextModelWithProjection(config), seed)


def scheduler() -> EulerDiscreteScheduler:
    """As published, with the keys that only other samplers read."""
    return EulerDiscreteScheduler.from_config(
        {
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "clip_sample": False,
            "interpolation_type": "linear",
            "prediction_type": "epsilon",
            "sample_max_value": 1.0,
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
            "steps_offset": 1,
            "timestep_spacing": "leading",
            "use_karras_sigmas": False,
        }
    )
