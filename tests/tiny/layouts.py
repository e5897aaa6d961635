"""Other ways to write the same tensors: names of earlier library versions, and the original LDM single file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = dict[str, Tensor]

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "fc1": "c_fc",
    "fc2": "c_proj",
    "self_attn": "attn",
}

PREFIXES = {
    "clip": "cond_stage_model.transformer",
    "open_clip": "cond_stage_model.model",
    "xl_clip": "conditioner.embedders.0.transformer",
    "xl_open_clip": "conditioner.embedders.1.model",
    "refiner": "conditioner.embedders.0.model",
}
"""Text encoder of Stable Diffusion 1.5, 2, XL (two) and the XL refiner → how its tensors' names begin."""


def old_text_encoder(tensors: Mapping[str, Tensor]) -> Tensors:
    """As transformers 4 saved a CLIPTextModel: a prefix, and the positions as a tensor."""
    positions = torch.arange(tensors["embeddings.position_embedding.weight"].shape[0])[None]
    named = {f"text_model.{name}": tensor for name, tensor in tensors.items()}
    return {"text_model.embeddings.position_ids": positions, **named}


def old_vae(tensors: Mapping[str, Tensor]) -> Tensors:
    """As diffusers before 0.18 named the attention of an AutoencoderKL."""
    return {_replaced(name, _OLD_ATTENTION) if ".attentions." in name else name: t for name, t in tensors.items()}


def open_clip(tensors: Mapping[str, Tensor], *, last: int | None = None) -> Tensors:
    """As OpenCLIP stores a text encoder: queries, keys and values joined, the projection turned.

    `last` adds an unread layer of that number and a projection, as Stable Diffusion 2 has them.
    """
    found: Tensors = {"logit_scale": torch.tensor(4.6)}
    for key, tensor in tensors.items():
        name = key.removeprefix("text_model.")
        for word, other in _OPEN_CLIP.items():
            name = name.replace(word, other)
        if match := re.fullmatch(r"(.*attn\.)q_proj\.(weight|bias)", name):
            joined = [tensors[key.replace("q_proj", one)] for one in ("q_proj", "k_proj", "v_proj")]
            found[f"{match[1]}in_proj_{match[2]}"] = torch.cat(joined)
        elif re.search(r"attn\.[kv]_proj", name):
            continue
        elif name == "text_projection.weight":
            found["text_projection"] = tensor.T.contiguous()
        else:
            found[name] = tensor
    if last is not None:
        first = {name: tensor for name, tensor in found.items() if ".resblocks.0." in name}
        found |= {name.replace(".0.", f".{last}.", 1): tensor.clone() for name, tensor in first.items()}
        width = found["ln_final.weight"].shape[0]
        found["text_projection"] = torch.ones(width, width)
    return found


def single_file(unet: Mapping[str, Tensor], vae: Mapping[str, Tensor], **texts: Mapping[str, Tensor]) -> Tensors:
    """One file as the original code trained it, with some of what else stands in such files.

    `texts`: a key of `PREFIXES` → tensors as they stand there.
    """
    ldm = {f"model.diffusion_model.{_unet_name(name, unet)}": tensor for name, tensor in unet.items()}
    ldm |= {f"first_stage_model.{name}": tensor for name, tensor in vae_alone(vae).items()}
    for prefix, tensors in texts.items():
        ldm |= {f"{PREFIXES[prefix]}.{name}": tensor for name, tensor in tensors.items()}
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    ldm |= {"betas": betas, "alphas_cumprod": (1 - betas).cumprod(0), "model_ema.decay": torch.tensor(0.9999)}
    return ldm


def vae_alone(vae: Mapping[str, Tensor]) -> Tensors:
    """A VAE as the original code saves it."""
    found = {}
    for name, tensor in vae.items():
        squeezed = ".attentions." in name and tensor.ndim == 2  # convolutions of one pixel, there
        found[_vae_name(name, vae)] = tensor[..., None, None] if squeezed else tensor
    return found


def controlnet(net: Mapping[str, Tensor]) -> Tensors:
    """A ControlNet as the original code saves it, without the prefix `control_model.`."""
    blocks = {int(name.split(".")[2]) for name in net if name.startswith("controlnet_cond_embedding.blocks.")}
    hints = {"conv_in": 0, "conv_out": 2 * len(blocks) + 2, **{f"blocks.{one}": 2 * one + 2 for one in blocks}}
    found = {}
    for name, tensor in net.items():
        if match := re.fullmatch(r"controlnet_cond_embedding\.(.+)\.(weight|bias)", name):
            found[f"input_hint_block.{hints[match[1]]}.{match[2]}"] = tensor
        elif match := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(.+)", name):
            found[f"zero_convs.{match[1]}.0.{match[2]}"] = tensor
        elif name.startswith("controlnet_mid_block."):
            found[name.replace("controlnet_mid_block.", "middle_block_out.0.")] = tensor
        else:
            found[_unet_name(name, net)] = tensor
    return found


def _unet_name(name: str, tensors: Mapping[str, Tensor]) -> str:
    resnets = [key for key in tensors if re.fullmatch(r"down_blocks\.0\.resnets\.\d+\.conv1\.weight", key)]
    step = len(resnets) + 1  # layers of a block, and its downsampler; a block going up has one layer more
    if match := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name):
        way, block, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        first = block * step + (way == "down")
        if kind == "downsamplers":
            return f"input_blocks.{first + step - 1}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            attends = any(key.startswith(f"up_blocks.{block}.attentions.") for key in tensors)
            return f"output_blocks.{first + step - 1}.{2 if attends else 1}.{rest}"
        side = "input_blocks" if way == "down" else "output_blocks"
        if kind == "attentions":
            return f"{side}.{first + layer}.1.{rest}"
        return f"{side}.{first + layer}.0.{_replaced(rest, _RESNET)}"
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name):
        if match[1] == "attentions":
            return f"middle_block.1.{match[3]}"
        return f"middle_block.{2 * int(match[2])}.{_replaced(match[3], _RESNET)}"
    return _replaced(name, _UNET_ENDS)


def _vae_name(name: str, tensors: Mapping[str, Tensor]) -> str:
    last = max(int(match[1]) for key in tensors if (match := re.match(r"decoder\.up_blocks\.(\d+)", key)))
    name = re.sub(r"down_blocks\.(\d+)\.", r"down.\1.", name)
    name = re.sub(r"up_blocks\.(\d+)\.", lambda match: f"up.{last - int(match[1])}.", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda match: f"mid.block_{int(match[1]) + 1}", name)
    name = name.replace("downsamplers.0.", "downsample.").replace("upsamplers.0.", "upsample.")
    name = (
        name.replace("resnets", "block").replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    )
    if "mid_block.attentions.0" in name:
        return _replaced(name.replace("mid_block.attentions.0", "mid.attn_1"), _VAE_ATTENTION)
    return name


def _replaced(name: str, words: Mapping[str, str]) -> str:
    """`name` with the one of `words` that it holds, as a whole part, put into its other form."""
    for word, other in words.items():
        name, found = re.subn(rf"(^|\.){re.escape(word)}(?=\.)", rf"\g<1>{other}", name)
        if found:
            break
    return name
