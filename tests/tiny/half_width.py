"""Checkpoints with the block structure of SDXL and half its channels, in bfloat16: 1.7 GiB each, made in seconds.

Weights are random. Checkpoints differ in one tensor of the UNet and of each text encoder, so they share the VAE alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.tiny import parts, xl

_WIDTH, _WIDTH_2, _TIME = 384, 640, 256


def make_half_width(folder: Path, count: int) -> list[Path]:
    """Make `count` checkpoints in a folder."""
    first = folder / "half-0"
    StableDiffusionXLPipeline(
        unet=_filled(_unet),
        vae=_filled(_vae),
        text_encoder=_filled(lambda: CLIPTextModel(_text(_WIDTH, 12, _WIDTH))),
        text_encoder_2=_filled(lambda: CLIPTextModelWithProjection(_text(_WIDTH_2, 32, _WIDTH_2))),
        tokenizer=parts.tokenizer(),
        tokenizer_2=parts.tokenizer(sd2=True),
        scheduler=xl.scheduler(),
        add_watermarker=False,
    ).save_pretrained(first, max_shard_size="20GB")
    made = [first]
    for number in range(1, count):
        made.append(folder / f"half-{number}")
        shutil.copytree(first, made[-1])
        for role in ("unet", "text_encoder", "text_encoder_2"):
            (weights,) = (made[-1] / role).glob("*.safetensors")
            _change(weights, number)
    return made


def _filled(build: Callable[[], Any]) -> Any:
    """A model with random weights that keep the size of numbers from layer to layer."""
    with torch.device("meta"):
        model = build()
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.named_parameters():
        if tensor.ndim == 1:
            tensor.data.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        else:
            bound = (3 / tensor[0].numel()) ** 0.5
            tensor.data.uniform_(-bound, bound, generator=generator)
    for name, tensor in model.named_buffers():
        if name.endswith("position_ids"):
            tensor.copy_(torch.arange(tensor.shape[-1])[None])
    return model.eval()


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=64,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(160, 320, 640),
        layers_per_block=2,
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        cross_attention_dim=_WIDTH + _WIDTH_2,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME,
        projection_class_embeddings_input_dim=_WIDTH_2 + 6 * _TIME,
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(64, 128, 256, 256),
        layers_per_block=2,
        sample_size=512,
        scaling_factor=xl.SCALING_FACTOR,
    )


def _text(width: int, layers: int, projection: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        projection_dim=projection,
        vocab_size=49408,
    )


def _change(weights: Path, number: int) -> None:
    """Write other numbers into the first small matrix of a file, which stays as it is otherwise."""
    with weights.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        name = min(name for name, entry in header.items() if len(entry["shape"]) == 2)
        start, end = header[name]["data_offsets"]
        file.seek(8 + length + start)
        tensor = torch.frombuffer(bytearray(file.read(end - start)), dtype=torch.bfloat16) * (1 + number / 16)
        file.seek(8 + length + start)
        file.write(tensor.view(torch.uint8).numpy().tobytes())
