"""Autoencoders of diffusers, which turn pictures into latents and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow.values.latent_space import LatentSpace
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import conv, linear, norm, require, resnet
from graphflow_nodes.models.settings import wrong_settings_of


def _autoencoder(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of an AutoencoderKL.

    Raises:
        NotModelled: it has an unknown option.
    """
    widths, latent = config["block_out_channels"], config["latent_channels"]
    require(
        set(config["down_block_types"]) == {"DownEncoderBlock2D"} and len(config["down_block_types"]) == len(widths)
    )
    require(set(config["up_block_types"]) == {"UpDecoderBlock2D"} and len(config["up_block_types"]) == len(widths))
    yield from _encoder(config, widths, latent)
    yield from _decoder(config, widths, latent)
    if config["use_quant_conv"]:
        yield from conv("quant_conv", 2 * latent, 2 * latent, 1)
    if config["use_post_quant_conv"]:
        yield from conv("post_quant_conv", latent, latent, 1)


def _encoder(config: Mapping[str, Any], widths: list[int], latent: int) -> Iterator[Named]:
    yield from conv("encoder.conv_in", widths[0], config["in_channels"])
    into = widths[0]
    for level, width in enumerate(widths):
        for number in range(config["layers_per_block"]):
            yield from resnet(f"encoder.down_blocks.{level}.resnets.{number}", into, width)
            into = width
        if level < len(widths) - 1:
            yield from conv(f"encoder.down_blocks.{level}.downsamplers.0.conv", width, width)
    yield from _mid("encoder", widths[-1], bool(config["mid_block_add_attention"]))
    yield from norm("encoder.conv_norm_out", widths[-1])
    yield from conv("encoder.conv_out", 2 * latent, widths[-1])


def _decoder(config: Mapping[str, Any], widths: list[int], latent: int) -> Iterator[Named]:
    yield from conv("decoder.conv_in", widths[-1], latent)
    yield from _mid("decoder", widths[-1], bool(config["mid_block_add_attention"]))
    into = widths[-1]
    for level, width in enumerate(reversed(widths)):
        for number in range(config["layers_per_block"] + 1):
            yield from resnet(f"decoder.up_blocks.{level}.resnets.{number}", into, width)
            into = width
        if level < len(widths) - 1:
            yield from conv(f"decoder.up_blocks.{level}.upsamplers.0.conv", width, width)
    yield from norm("decoder.conv_norm_out", widths[0])
    yield from conv("decoder.conv_out", config["out_channels"], widths[0])


def _mid(side: str, width: int, attends: bool) -> Iterator[Named]:
    yield from resnet(f"{side}.mid_block.resnets.0", width, width)
    if attends:
        name = f"{side}.mid_block.attentions.0"
        yield from norm(f"{name}.group_norm", width)
        for one in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"{name}.{one}", width, width)
    yield from resnet(f"{side}.mid_block.resnets.1", width, width)


AUTOENCODER_KL = ModelClass(
    "AutoencoderKL",
    "diffusers",
    defaults=defaults_of("AutoencoderKL"),
    wrong=wrong_settings_of("AutoencoderKL"),
    layout=_autoencoder,
    own=r"(encoder|decoder|quant_conv|post_quant_conv)\.",
    options={"attention": True, "vae_tiling": True},
)
AUTOENCODER_TINY = ModelClass(
    "AutoencoderTiny",
    "diffusers",
    defaults=defaults_of("AutoencoderTiny"),
    wrong=wrong_settings_of("AutoencoderTiny"),
    options={"vae_tiling": True},
)
ASYMMETRIC_AUTOENCODER_KL = ModelClass(
    "AsymmetricAutoencoderKL",
    "diffusers",
    defaults=defaults_of("AsymmetricAutoencoderKL"),
    wrong=wrong_settings_of("AsymmetricAutoencoderKL"),
    options={"attention": False, "vae_tiling": False},
)
_BLOCKS = {AUTOENCODER_TINY.name: "decoder_block_out_channels", ASYMMETRIC_AUTOENCODER_KL.name: "up_block_out_channels"}
"""Class → the setting that lists its blocks, if it isn't `block_out_channels`."""


def latent_space(files: ComponentFiles) -> LatentSpace:
    """The latent space of an autoencoder, from its config and its weights."""
    config = files.full_config
    blocks = config.get(_BLOCKS.get(files.class_name, "block_out_channels")) or (1,)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    types = sorted({tensor.dtype for header in files.headers for tensor in header.tensors.values()})
    return LatentSpace(
        vae=files.class_name,
        channels=int(config.get("latent_channels", 4)),
        scaling_factor=float(config.get("scaling_factor", 0.18215)),
        factor=2 ** (len(blocks) - 1),
        shift_factor=config.get("shift_factor"),
        mean=tuple(mean) if mean is not None else None,
        std=tuple(std) if std is not None else None,
        weights=files.weights_digest,
        precision=" ".join(types),
    )
