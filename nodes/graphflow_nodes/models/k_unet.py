"""UNet2DConditionModel with the blocks of k-diffusion, as Stable Diffusion's latent upscaler has it.

Norms take scale and shift from the embedding of the time step, and resampling has no weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.checkpoints.model_class import Named
from graphflow_nodes.models.layers import conv, each, linear, norm, require

_PLAIN, _ATTENDING = ("KDownBlock2D", "KUpBlock2D"), ("KCrossAttnDownBlock2D", "KCrossAttnUpBlock2D")
_GROUP = 32
"""Channels of a group of a norm."""
_UNUSED = (
    *("class_embed_type", "num_class_embeds", "addition_embed_type", "encoder_hid_dim", "encoder_hid_dim_type"),
    *("mid_block_type", "norm_num_groups", "num_attention_heads"),
)
"""Options that only other UNets have; they must be None."""


def k_unet(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a UNet with an embedding of the time step by random frequencies, and with these blocks alone.

    Raises:
        NotModelled: it has other blocks, or an unknown option.
    """
    require(all(config[name] is None for name in _UNUSED) and not config["dual_cross_attention"])
    widths = config["block_out_channels"]
    require(all(width % _GROUP == 0 for width in widths))
    first, time = widths[0], config["time_embedding_dim"] or 2 * widths[0]
    yield from conv("conv_in", first, config["in_channels"], config["conv_in_kernel"])
    yield "time_proj.weight", (time // 2,)
    yield from linear("time_embedding.linear_1", time, time)
    yield from linear("time_embedding.linear_2", time, time)
    if config["time_cond_proj_dim"]:
        yield from linear("time_embedding.cond_proj", time, config["time_cond_proj_dim"], bias=False)
    levels = _levels(config, time)
    yield from _down(config, levels)
    yield from _up(config, levels)
    yield from conv("conv_out", config["out_channels"], first, config["conv_out_kernel"])


@dataclass(frozen=True)
class _Level:
    """The settings of a level, and its layers.

    Attributes:
        width: channels.
        layers: resnets per block.
        head: channels per attention head.
        context: width of the texts.
        time: width of the embedding of the time step.
    """

    width: int
    layers: int
    head: int
    context: int
    time: int

    def resnet(self, name: str, into: int, out: int, returned: int = 0) -> Iterator[Named]:
        """Diffusers' ResnetBlockCondNorm2D; it returns `returned` channels, or `out` if that is 0."""
        returned = returned or out
        yield from self._norm(f"{name}.norm1", into)
        yield from conv(f"{name}.conv1", out, into)
        yield from self._norm(f"{name}.norm2", out)
        yield from conv(f"{name}.conv2", returned, out)
        if into != returned:
            yield from conv(f"{name}.conv_shortcut", returned, into, 1, bias=False)

    def attention(self, name: str, width: int, *, self_attention: bool) -> Iterator[Named]:
        """Diffusers' KAttentionBlock: cross-attention to the texts, after `self_attention` if that is True."""
        require(width % self.head == 0)
        if self_attention:
            yield from self._norm(f"{name}.norm1", width)
            yield from self._heads(f"{name}.attn1", width, width)
        yield from self._norm(f"{name}.norm2", width)
        yield from self._heads(f"{name}.attn2", width, self.context)
        yield from norm(f"{name}.attn2.norm_cross", self.context)

    def _heads(self, name: str, width: int, read: int) -> Iterator[Named]:
        for one, into in (("to_q", width), ("to_k", read), ("to_v", read), ("to_out.0", width)):
            yield from linear(f"{name}.{one}", width, into)

    def _norm(self, name: str, width: int) -> Iterator[Named]:
        return linear(f"{name}.linear", 2 * width, self.time)


def _levels(config: Mapping[str, Any], time: int) -> list[_Level]:
    widths = config["block_out_channels"]
    settings = ("layers_per_block", "attention_head_dim", "cross_attention_dim")
    layers, heads, contexts = (each(config[name], len(widths)) for name in settings)
    require(all(isinstance(number, int) and number > 0 for number in (*layers, *heads, *contexts)))
    return [_Level(*values, time) for values in zip(widths, layers, heads, contexts, strict=True)]


def _attends(kind: object) -> bool:
    require(kind in (*_PLAIN, *_ATTENDING))
    return kind in _ATTENDING


def _down(config: Mapping[str, Any], levels: list[_Level]) -> Iterator[Named]:
    into = levels[0].width
    for number, (kind, level) in enumerate(zip(config["down_block_types"], levels, strict=True)):
        for layer in range(level.layers):
            name = f"down_blocks.{number}"
            yield from level.resnet(f"{name}.resnets.{layer}", into, level.width)
            into = level.width
            if _attends(kind):
                last = number == len(levels) - 1
                yield from level.attention(f"{name}.attentions.{layer}", into, self_attention=last)


def _up(config: Mapping[str, Any], levels: list[_Level]) -> Iterator[Named]:
    turned = levels[::-1]
    for number, (kind, level) in enumerate(zip(config["up_block_types"], turned, strict=True)):
        attends, width, below = _attends(kind), level.width, turned[min(number + 1, len(turned) - 1)].width
        # The block at the bottom has nothing to join; diffusers recognises it by its widths.
        bottom = attends and below == width == level.time
        for layer in range(level.layers):
            name, last = f"up_blocks.{number}", layer == level.layers - 1
            into = width if layer or bottom else 2 * width
            if attends:
                yield from level.resnet(f"{name}.resnets.{layer}", into, width, below if last else 0)
                yield from level.attention(
                    f"{name}.attentions.{layer}", below if last else width, self_attention=bottom
                )
            else:
                yield from level.resnet(f"{name}.resnets.{layer}", into, below if last else width)
