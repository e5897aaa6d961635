"""The memory that models need while they compute, besides their weights, from their configs.

The numbers were measured with torch 2.13 and diffusers 0.42: each model keeps a certain number of tensors at a time,
whatever its size. They do not include what libraries need for a single layer, such as copies in another memory layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

_TRANSFORMER = 21
"""A transformer block of a UNet: tensors of its level's width, of which the feed-forward network has 16."""
_RESNET = 3
"""A resnet: its input, normalised, and activated."""
_SHIFTED = 1.5
"""Factor for resnets that are scaled and shifted by the time embedding."""
_TOKEN = 9
"""A layer of a text encoder: tensors of its width, of which the feed-forward network has 8."""
_PRIOR = 24
"""A layer of a prior: tensors of its width."""
_TEXTS = 4
"""Copies of a text's embedding beside a UNet."""
_TOKENS = 77
"""The usual length of a text."""
_ENCODER = 5
"""A VAE's encoder: tensors of the picture's size and the width of its first level."""
_SPATIAL = 7
"""A decoder whose layers read the latents too: tensors of the picture's size and the width of its second level."""
_AROUND = 2.5
"""Factor for a decoder that also reads the picture, since it keeps what it read on each level."""
_TILES = 11
"""Numbers for each pixel of a picture that is computed in tiles: overlapping tiles, rows of tiles, and the picture."""
_PICTURE = 14
"""Numbers for each pixel of a decoded picture, beside those of the decoder."""
_LATENTS = 8
"""Copies of the latents beside a UNet."""


class Area(NamedTuple):
    """Width and height, in pixels or in cells of latents."""

    width: int
    height: int

    @property
    def cells(self) -> int:
        """How many pixels or cells it has."""
        return self.width * self.height


class _Level(NamedTuple):
    """A level of a UNet.

    Attributes:
        width: channels.
        share: its cells as a share of those of the first level.
        layers: resnets.
        attends: whether it has transformer blocks.
        below: channels of the next level, which its upward part takes; its own for the last level.
    """

    width: int
    share: float
    layers: int
    attends: bool
    below: int


def unet_numbers(config: Mapping[str, Any], cells: Area, *, nets: int = 0, eager: bool = False) -> int:
    """The most numbers that a UNet needs at a time for one of the pictures of its call.

    Args:
        config: of the UNet, complete.
        cells: size of the latents.
        nets: number of ControlNets.
        eager: whether attention is computed by plain products of matrices.
    """
    levels = _levels(config)
    shifted = config.get("resnet_time_scale_shift") == "scale_shift"
    kept, most, first = 0.0, 0.0, 0
    for number, level in enumerate(levels):
        before = levels[number - 1].width if number else level.width
        kept += (before + level.layers * level.width) * level.share
        above = level.below * level.share if level is not levels[-1] else 0
        resnet = _RESNET * (level.below + level.width) * level.share * (_SHIFTED if shifted else 1)
        most = max(most, kept + above + resnet)
        if level.attends:
            first = first or int(cells.cells * level.share)
            most = max(most, kept + above + _TRANSFORMER * level.width * level.share)
    # Tensors of ControlNets are added to those that the downward part keeps.
    more = 2 * kept if nets else 0
    scores = 2 * _heads(config) * first**2 if eager else 0
    context = config.get("cross_attention_dim") or 0
    texts = _TEXTS * _TOKENS * int(max(context) if isinstance(context, Sequence) else context)
    return int((most + more) * cells.cells + scores + _LATENTS * 4 * cells.cells + texts)


def _levels(config: Mapping[str, Any]) -> list[_Level]:
    widths = list(config["block_out_channels"])
    layers = config["layers_per_block"]
    counts = list(layers) if isinstance(layers, Sequence) else [layers] * len(widths)
    kinds = list(config["down_block_types"])
    below = [*widths[1:], widths[-1]]
    return [
        _Level(width, 1 / 4**number, count, kind == "CrossAttnDownBlock2D", under)
        for number, (width, count, kind, under) in enumerate(zip(widths, counts, kinds, below, strict=False))
    ]


def _heads(config: Mapping[str, Any]) -> int:
    """The heads of the first level; early configs give their number as `attention_head_dim`."""
    heads = config.get("num_attention_heads") or config.get("attention_head_dim") or 8
    return int(heads[0] if isinstance(heads, Sequence) else heads)


def decoder_numbers(config: Mapping[str, Any], pixels: Area, *, tiled: bool = False) -> int:
    """The most numbers that a VAE needs at a time to decode latents into a picture.

    Args:
        config: of the VAE, complete.
        pixels: size of the picture.
        tiled: whether it decodes in tiles.
    """
    widths = _widths(config, "up_block_out_channels", "decoder_block_out_channels")
    tile = _tile(config, pixels) if tiled else pixels
    second, third = widths[min(1, len(widths) - 1)], widths[min(2, len(widths) - 1)]
    if config.get("norm_type") == "spatial":
        own: float = _SPATIAL * second
    elif len(widths) > 1:
        # The first resnet of the last level, beside the inputs of the level before.
        own = _RESNET * second + (second + third) / 4
    else:
        own = 2 * _RESNET * second
    if "up_block_out_channels" in config:
        own *= _AROUND
    return int(own * tile.cells) + (_TILES if tile != pixels else _PICTURE) * pixels.cells


def encoder_numbers(config: Mapping[str, Any], pixels: Area, *, tiled: bool = False) -> int:
    """The most numbers that a VAE needs at a time to encode a picture; see `decoder_numbers`."""
    widths = _widths(config, "down_block_out_channels", "encoder_block_out_channels")
    tile = _tile(config, pixels) if tiled else pixels
    steep = max((second / first / 4 for first, second in pairwise(widths)), default=0)
    own = _ENCODER * max(1, steep) * widths[0] + 3
    return int(own * tile.cells) + (_TILES * pixels.cells if tile != pixels else 0)


def text_numbers(config: Mapping[str, Any], tokens: int) -> int:
    """The most numbers that a text encoder, or another transformer with such a config, needs at a time.

    All hidden states are kept, since some families read another one than the last.
    """
    width, layers = config.get("hidden_size") or 0, config.get("num_hidden_layers") or 0
    return int((_TOKEN + layers) * width * tokens)


def prior_numbers(config: Mapping[str, Any]) -> int:
    """The most numbers that a prior needs at a time, which reads the tokens of two texts and a few more."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    return 2 * _PRIOR * int(width) * int(config["num_embeddings"] + config["additional_embeddings"])


def _widths(config: Mapping[str, Any], *names: str) -> list[int]:
    """Channels of a VAE's levels, the level of the picture's size first."""
    for name in ("block_out_channels", *names):
        if config.get(name):
            return [int(width) for width in config[name]]
    return [0]


def _tile(config: Mapping[str, Any], pixels: Area) -> Area:
    """The size of the tiles of a picture."""
    side = config.get("sample_size")
    most = int(side[0] if isinstance(side, Sequence) else side or 0) or max(pixels)
    return Area(min(pixels.width, most), min(pixels.height, most))
