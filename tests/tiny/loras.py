"""Random LoRA files for the tiny checkpoints, as diffusers' training scripts save them."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from tests.tiny import parts, xl


def make_lora(path: Path, seed: int, *, text: bool = False) -> Path:
    """A LoRA of rank 2 for the UNet, and with `text` for the text encoder too, of a size that shows."""
    unet, encoder = parts.unet(11), parts.text_encoder(31)
    layers = {"unet_lora_layers": _weights(unet, ["to_q", "to_k", "to_v", "to_out.0"], seed)}
    if text:
        layers["text_encoder_lora_layers"] = _weights(encoder, ["q_proj", "v_proj"], seed + 1)
    StableDiffusionPipeline.save_lora_weights(path.parent, weight_name=path.name, **layers)
    return path


def make_xl_lora(path: Path, seed: int) -> Path:
    """A LoRA of rank 2 for SDXL's UNet and both of its text encoders."""
    attention, projections = ["to_q", "to_k", "to_v", "to_out.0"], ["q_proj", "v_proj"]
    StableDiffusionXLPipeline.save_lora_weights(
        path.parent,
        weight_name=path.name,
        unet_lora_layers=_weights(xl.unet(11), attention, seed),
        text_encoder_lora_layers=_weights(parts.text_encoder(31), projections, seed + 1),
        text_encoder_2_lora_layers=_weights(xl.text_encoder_2(33), projections, seed + 2),
    )
    return path


def _weights(model: torch.nn.Module, targets: list[str], seed: int) -> dict[str, torch.Tensor]:
    model.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights="gaussian", target_modules=targets))
    generator = torch.Generator().manual_seed(seed)
    found = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
    return {name: torch.randn(weight.shape, generator=generator) for name, weight in found.items()}
