"""VQModel of diffusers, as Kandinsky's MoVQ is one: an autoencoder whose decoder is normalised by the latents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import conv, linear, norm, require, resnet
from graphflow_nodes.models.settings import wrong_settings_of

_DOWN = {"DownEncoderBlock2D": False, "AttnDownEncoderBlock2D": True}
_UP = {"UpDecoderBlock2D": False, "AttnUpDecoderBlock2D": True}
"""Kind of block → whether it has attention."""


def _movq(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a VQModel.

    Raises:
        NotModelled: its decoder is not normalised by the latents, or it has another option that is not known here.
    """
    widths, latent, embedded = config["block_out_channels"], config["latent_channels"], config["vq_embed_dim"]
    require(config["norm_type"] == "spatial" and config["mid_block_add_attention"])
    require(set(config["down_block_types"]) <= _DOWN.keys() and set(config["up_block_types"]) <= _UP.keys())
    require(len(config["down_block_types"]) == len(config["up_block_types"]) == len(widths))
    embedded = embedded or latent
    yield from _encoder(config, widths)
    yield from _decoder(config, widths, latent)
    yield "quantize.embedding.weight", (config["num_vq_embeddings"], embedded)
    yield from conv("quant_conv", embedded, latent, 1)
    yield from conv("post_quant_conv", latent, embedded, 1)


def _encoder(config: Mapping[str, Any], widths: list[int]) -> Iterator[Named]:
    yield from conv("encoder.conv_in", widths[0], config["in_channels"])
    into = widths[0]
    for level, (kind, width) in enumerate(zip(config["down_block_types"], widths, strict=True)):
        name = f"encoder.down_blocks.{level}"
        for number in range(config["layers_per_block"]):
            yield from resnet(f"{name}.resnets.{number}", into, width)
            if _DOWN[kind]:
                yield from norm(f"{name}.attentions.{number}.group_norm", width)
                yield from _attention(f"{name}.attentions.{number}", width)
            into = width
        if level < len(widths) - 1:
            yield from conv(f"{name}.downsamplers.0.conv", width, width)
    for number in range(2):
        yield from resnet(f"encoder.mid_block.resnets.{number}", into, into)
    yield from norm("encoder.mid_block.attentions.0.group_norm", into)
    yield from _attention("encoder.mid_block.attentions.0", into)
    yield from norm("encoder.conv_norm_out", into)
    yield from conv("encoder.conv_out", config["latent_channels"], into)


def _decoder(config: Mapping[str, Any], widths: list[int], latent: int) -> Iterator[Named]:
    into = widths[-1]
    yield from conv("decoder.conv_in", into, latent)
    for number in range(2):
        yield from _spatial_resnet(f"decoder.mid_block.resnets.{number}", into, into, latent)
    yield from _spatial_attention("decoder.mid_block.attentions.0", into, latent)
    for level, (kind, width) in enumerate(zip(config["up_block_types"], reversed(widths), strict=True)):
        name = f"decoder.up_blocks.{level}"
        for number in range(config["layers_per_block"] + 1):
            yield from _spatial_resnet(f"{name}.resnets.{number}", into, width, latent)
            if _UP[kind]:
                yield from _spatial_attention(f"{name}.attentions.{number}", width, latent)
            into = width
        if level < len(widths) - 1:
            yield from conv(f"{name}.upsamplers.0.conv", width, width)
    yield from _spatial_norm("decoder.conv_norm_out", widths[0], latent)
    yield from conv("decoder.conv_out", config["out_channels"], widths[0])


def _spatial_norm(name: str, width: int, latent: int) -> Iterator[Named]:
    """Diffusers' SpatialNorm: a normalisation with a scale and a shift for each cell, from the latents."""
    yield from norm(f"{name}.norm_layer", width)
    yield from conv(f"{name}.conv_y", width, latent, 1)
    yield from conv(f"{name}.conv_b", width, latent, 1)


def _spatial_resnet(name: str, into: int, out: int, latent: int) -> Iterator[Named]:
    yield from _spatial_norm(f"{name}.norm1", into, latent)
    yield from conv(f"{name}.conv1", out, into)
    yield from _spatial_norm(f"{name}.norm2", out, latent)
    yield from conv(f"{name}.conv2", out, out)
    if into != out:
        yield from conv(f"{name}.conv_shortcut", out, into, 1)


def _spatial_attention(name: str, width: int, latent: int) -> Iterator[Named]:
    yield from _spatial_norm(f"{name}.spatial_norm", width, latent)
    yield from _attention(name, width)


def _attention(name: str, width: int) -> Iterator[Named]:
    for one in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from linear(f"{name}.{one}", width, width)


VQ_MODEL = ModelClass(
    "VQModel",
    "diffusers",
    defaults=defaults_of("VQModel"),
    wrong=wrong_settings_of("VQModel"),
    layout=_movq,
    own=r"(encoder|decoder|quantize|quant_conv|post_quant_conv)\.",
    options={"attention": False, "offload": False, "vae_tiling": False},
)
