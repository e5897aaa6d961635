"""LoRAs of the families with a UNet: the names of their tensors, and how diffusers applies them.

Source: load_lora_weights of StableDiffusionLoraLoaderMixin and of StableDiffusionXLLoraLoaderMixin.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from graphflow.checkpoints.lora import LoraTarget

_DOWN = r"(?:_lora)?\.(?:lora_A|lora_down|lora\.down|down)\.(?:default\.)?weight$"
_CROSS = re.compile(r"attn2[._](?:processor\.)?to_[kv]" + _DOWN)
_SELF = re.compile(r"self_attn[._][qkv]_proj" + _DOWN)
# Prefixes of tensors' names in diffusers' files and in Kohya's.
_UNET = re.compile(r"unet\.|lora_unet_")
_TEXT = re.compile(r"text_encoder\.|lora_te1?_")
_SECOND_TEXT = re.compile(r"text_encoder_2\.|lora_te2_")


def _read(mixin: Any, path: Path, **more: Any) -> tuple[Any, dict[str, Any]]:
    """The tensors of a file under the names of diffusers, and further arguments for loading them."""
    weights, alphas, metadata = mixin.lora_state_dict(
        str(path), local_files_only=True, use_safetensors=True, return_lora_metadata=True, **more
    )
    return weights, {"network_alphas": alphas, "metadata": metadata}


def _to_unet(model: Any, path: Path, adapter: str) -> None:
    from diffusers.loaders import StableDiffusionLoraLoaderMixin as Mixin

    weights, more = _read(Mixin, path)
    Mixin.load_lora_into_unet(weights, unet=model, adapter_name=adapter, **more)


def _to_xl_unet(model: Any, path: Path, adapter: str) -> None:
    from diffusers.loaders import StableDiffusionXLLoraLoaderMixin as Mixin

    # LoRAs for it may use the names of the original code, which depend on its config.
    weights, more = _read(Mixin, path, unet_config=model.config)
    Mixin.load_lora_into_unet(weights, unet=model, adapter_name=adapter, **more)


def _to_text_encoder(model: Any, path: Path, adapter: str) -> None:
    from diffusers.loaders import StableDiffusionLoraLoaderMixin as Mixin

    weights, more = _read(Mixin, path)
    Mixin.load_lora_into_text_encoder(weights, text_encoder=model, prefix="text_encoder", adapter_name=adapter, **more)


def _to_second_text_encoder(model: Any, path: Path, adapter: str) -> None:
    from diffusers.loaders import StableDiffusionXLLoraLoaderMixin as Mixin

    weights, more = _read(Mixin, path)
    Mixin.load_lora_into_text_encoder(
        weights, text_encoder=model, prefix="text_encoder_2", adapter_name=adapter, **more
    )


_OF_TEXT = LoraTarget("text_encoder", _TEXT, "hidden_size", _SELF, _to_text_encoder)

SD_LORAS = (LoraTarget("unet", _UNET, "cross_attention_dim", _CROSS, _to_unet), _OF_TEXT)
SDXL_LORAS = (
    LoraTarget("unet", _UNET, "cross_attention_dim", _CROSS, _to_xl_unet),
    _OF_TEXT,
    LoraTarget("text_encoder_2", _SECOND_TEXT, "hidden_size", _SELF, _to_second_text_encoder),
)
