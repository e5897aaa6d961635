"""Stable Diffusion's components: random, seeded, of its own structure in a few channels.

Block structure and tensor names are those of SD 1.5 (four blocks, two layers each), so that the single-file layout
has the real indices; widths, heads and group counts are not, so a single file needs `config=` to be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FACTOR = 8  # pixels per latent cell and axis
SIZE = 64  # pixels: the models' own size
_CHANNELS = (8, 8, 16, 16)
_WORDS = ("a", "the", "of", "on", "and", "cat", "dog", "red", "blue", "square", "circle", "road", "house", "sky")


def unet(seed: int, *, channels: int = 4, context: int = 16, sd2: bool = False) -> UNet2DConditionModel:
    """`channels` = 9 is an inpainting UNet; `sd2` has SD 2's linear projections and heads per block."""
    return random_weights(
        lambda: UNet2DConditionModel(
            sample_size=SIZE // FACTOR,
            in_channels=channels,
            block_out_channels=_CHANNELS,
            layers_per_block=2,
            cross_attention_dim=context,
            attention_head_dim=[1, 1, 2, 2] if sd2 else 2,
            use_linear_projection=sd2,
            norm_num_groups=4,
        ),
        seed,
    )


def vae(seed: int, *, scaling_factor: float = 0.18215, **more: Any) -> AutoencoderKL:
    """`more`: what else stands in its config."""
    model = random_weights(
        lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=_CHANNELS,
            layers_per_block=2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=SIZE,
            scaling_factor=scaling_factor,
            **more,
        ),
        seed,
    )
    with torch.no_grad():
        model.decoder.conv_out.weight.mul_(0.4)  # pictures with contrast that seldom reach 0 or 255
    return model


def text_encoder(seed: int, *, width: int = 16, sd2: bool = False) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(bpe()[0]),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=3,
        num_attention_heads=2,
        hidden_act="gelu" if sd2 else "quick_gelu",
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    return random_weights(lambda: CLIPTextModel(config), seed)


def tokenizer(*, sd2: bool = False) -> CLIPTokenizer:
    """A byte BPE in CLIP's order: 256 bytes, 256 at a word's end, merges, two special tokens; SD 2 pads with "!"."""
    vocabulary, merges = bpe()
    return CLIPTokenizer(
        vocabulary, merges, pad_token="!" if sd2 else "<|endoftext|>", model_max_length=77, do_lower_case=True
    )


def bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The tokenizer's vocabulary and merges: single bytes and the words above, letter by letter."""
    signs = _byte_signs()
    merges: dict[tuple[str, str], None] = {}
    for word in _WORDS:
        left, *rest = *word[:-1], f"{word[-1]}</w>"
        for right in rest:
            merges[left, right] = None
            left += right
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, list(merges)


def scheduler(*, sd2: bool = False) -> PNDMScheduler | DDIMScheduler:
    """SD 1.5's PNDM, or the DDIM with v-prediction of SD 2.1."""
    config: dict[str, Any] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
    if sd2:
        return DDIMScheduler(**config, clip_sample=False, prediction_type="v_prediction")
    # PNDM does not know clip_sample; other samplers read it from this config.
    return PNDMScheduler.from_config({**config, "skip_prk_steps": True, "clip_sample": False})


def random_weights(build: Callable[[], Any], seed: int) -> Any:
    """Weights of unit gain: pictures and embeddings that differ visibly by prompt and seed, no default's near-zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = build().eval()
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim > 1:
                weight.copy_(noise if "embedding.weight" in name else noise / math.sqrt(weight[0].numel()))
            else:
                weight.copy_(0.1 * noise + ("norm" in name and name.endswith("weight")))
    return model


def _byte_signs() -> list[str]:
    """One printable sign per byte, as GPT-2 and CLIP write bytes in a vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [chr(256 + index) for index in range(256 - len(printable))]
    return [*map(chr, printable), *others]
