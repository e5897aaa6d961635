"""Sizes of the models, as plain diffusers and transformers classes. Weights start from the current torch seed."""

from __future__ import annotations

from diffusers import AutoencoderKL, ControlNetModel, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModel

LATENT = 16
"""Width and height of the latents of a picture at the models' size."""
TOKENS = 40
"""Length of every tokenised prompt."""
WIDTH = 128
"""Width of the text embeddings."""


def vae() -> AutoencoderKL:
    """The autoencoder: 8 by 8 pixels to one cell of 4 channels.

    Without attention in the middle, so that training on small crops holds for pictures of any size.
    """
    blocks = (32, 64, 96, 128)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(blocks),
        up_block_types=("UpDecoderBlock2D",) * len(blocks),
        block_out_channels=blocks,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        mid_block_add_attention=False,
        sample_size=LATENT * 8,
        scaling_factor=1.0,
    )


def text_encoder(vocabulary: int, begin: int, end: int) -> CLIPTextModel:
    """The text encoder: 3 layers of width 128 over `TOKENS` tokens."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            projection_dim=WIDTH,
            bos_token_id=begin,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


_SHAPE = {
    "block_out_channels": (64, 128, 96),
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 16,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    # The whole prompt also controls every block's scales and shifts: global properties are then learnt long before
    # attention learns which cell should attend to which word.
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 4,
    "resnet_time_scale_shift": "scale_shift",
}


def unet(in_channels: int = 4) -> UNet2DConditionModel:
    """The denoiser: 16, 8 and 4 cells wide; cross-attention at 8 and 4, where a cell sees the whole picture."""
    return UNet2DConditionModel(sample_size=LATENT, in_channels=in_channels, out_channels=4, **_SHAPE)


def plain_attention(model: UNet2DConditionModel | ControlNetModel) -> None:
    """Make attention plain matrix products: on processors, fused attention takes a third of a training step."""
    model.set_attn_processor(AttnProcessor())


def controlnet(base: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that starts as a copy of the denoiser's first half."""
    net = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=(16, 32, 48, 64))
    # `from_unet` copies the prompt's pooling but not its number of heads.
    sizes = {name: value for name, value in net.config.items() if not name.startswith("_")}
    heads = {"addition_embed_type_num_heads": base.config.addition_embed_type_num_heads}
    again = ControlNetModel(**{**sizes, **heads})
    again.load_state_dict(net.state_dict())
    return again


def noise_schedule() -> DPMSolverMultistepScheduler:
    """The noise of training and the sampler of 20 steps.

    The model predicts velocity: at the noisiest steps, where a picture's layout is decided, guessing the noise is
    trivial and would teach nothing about position.
    """
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        algorithm_type="dpmsolver++",
        solver_order=2,
        use_karras_sigmas=False,
        timestep_spacing="trailing",
        steps_offset=1,
    )
