"""Translate names of tensors from the original layout to those of current diffusers and transformers.

The names are computed from a component's config, without torch, so that files can be compared without loading them.

Sources: the conversions of diffusers (loaders/single_file_utils.py), with which tests compare the names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Rename = Callable[[str, Mapping[str, Any]], str]

_UNET_ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_VAE_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
_OPEN_CLIP = {
    "token_embedding": "embeddings.token_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final": "final_layer_norm",
    "text_projection": "text_projection.weight",
}
_OPEN_CLIP_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def current_names(kind: str, name: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The current names of a tensor of the original layout: one, or three for a joint query, key and value.

    Args:
        kind: `unet`, `vae`, `clip`, `open_clip` or `controlnet`.
        name: name of the tensor, without the prefix of the component.
        config: config of the component, in the form of diffusers or transformers.

    Raises:
        KeyError: there is no such kind.
    """
    if kind == "open_clip" and (match := re.fullmatch(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(\w+)", name)):
        return tuple(f"encoder.layers.{match[1]}.self_attn.{letter}_proj.{match[2]}" for letter in "qkv")
    return (_KINDS[kind](name, config),)


def _unet(name: str, config: Mapping[str, Any]) -> str:
    """The layers and the sampler of a block are numbered consecutively; upward blocks have one more layer."""
    if match := re.match(r"(input|output)_blocks\.(\d+)\.(\d+)\.(.+)", name):
        way, number, place, rest = match[1], int(match[2]), int(match[3]), match[4]
        if way == "input" and number == 0:
            return _renamed(name, _UNET_ENDS)
        step = int(config["layers_per_block"]) + 1
        block, layer = divmod(number - (way == "input"), step)
        return f"{'down' if way == 'input' else 'up'}_blocks.{block}.{_unet_layer(way, layer, place, rest)}"
    if match := re.match(r"middle_block\.(\d+)\.(.+)", name):
        number, rest = int(match[1]), match[2]
        if number % 2:
            return f"mid_block.attentions.{number // 2}.{rest}"
        return f"mid_block.resnets.{number // 2}.{_renamed(rest, _RESNET)}"
    return _renamed(name, _UNET_ENDS)


def _unet_layer(way: str, layer: int, place: int, rest: str) -> str:
    if way == "input" and rest.startswith("op."):
        return f"downsamplers.0.conv.{rest.removeprefix('op.')}"
    if way == "output" and place and rest.startswith("conv."):
        return f"upsamplers.0.{rest}"
    return f"attentions.{layer}.{rest}" if place else f"resnets.{layer}.{_renamed(rest, _RESNET)}"


def _controlnet(name: str, config: Mapping[str, Any]) -> str:
    """A layer that reads the control picture (each second one is an activation), an output, or a layer of a UNet."""
    if match := re.match(r"input_hint_block\.(\d+)\.(.+)", name):
        number, last = int(match[1]) // 2, 2 * len(config["conditioning_embedding_out_channels"]) - 1
        layer = {0: "conv_in", last: "conv_out"}.get(number, f"blocks.{number - 1}")
        return f"controlnet_cond_embedding.{layer}.{match[2]}"
    if match := re.match(r"zero_convs\.(\d+)\.0\.(.+)", name):
        return f"controlnet_down_blocks.{match[1]}.{match[2]}"
    if name.startswith("middle_block_out.0."):
        return name.replace("middle_block_out.0.", "controlnet_mid_block.")
    return _unet(name, config)


def _vae(name: str, config: Mapping[str, Any]) -> str:
    """Blocks of the decoder are numbered from the pixels on, but in diffusers from the latents on."""
    last = len(config["up_block_types"]) - 1
    name = re.sub(r"^encoder\.down\.", "encoder.down_blocks.", name)
    name = re.sub(r"^decoder\.up\.(\d+)\.", lambda match: f"decoder.up_blocks.{last - int(match[1])}.", name)
    name = re.sub(r"(?<=_blocks)\.(\d+)\.block\.", r".\1.resnets.", name)
    name = re.sub(r"(?<=_blocks)\.(\d+)\.(down|up)sample\.", r".\1.\2samplers.0.", name)
    name = re.sub(r"\.mid\.block_(\d+)\.", lambda match: f".mid_block.resnets.{int(match[1]) - 1}.", name)
    name = name.replace(".nin_shortcut.", ".conv_shortcut.")
    name = re.sub(r"^(en|de)coder\.norm_out\.", r"\1coder.conv_norm_out.", name)
    if match := re.fullmatch(r"(.+)\.mid\.attn_1\.(.+)", name):
        return f"{match[1]}.mid_block.attentions.0.{_renamed(match[2], _VAE_ATTENTION)}"
    return name


def _clip(name: str, _: Mapping[str, Any]) -> str:
    return name.removeprefix("text_model.")


def _open_clip(name: str, _: Mapping[str, Any]) -> str:
    if match := re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name):
        return f"encoder.layers.{match[1]}.{_renamed(match[2], _OPEN_CLIP_LAYER)}"
    return _renamed(name, _OPEN_CLIP)


def _renamed(name: str, words: Mapping[str, str]) -> str:
    """Replace the first part of a name, up to a dot, by its current form."""
    for old, new in words.items():
        if name == old or name.startswith(f"{old}."):
            return new + name.removeprefix(old)
    return name


_KINDS: dict[str, Rename] = {
    "unet": _unet,
    "vae": _vae,
    "clip": _clip,
    "open_clip": _open_clip,
    "controlnet": _controlnet,
}
