"""UNet2DConditionModel and ControlNetModel of diffusers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from graphflow.checkpoints.model_class import ModelClass, Named, NotModelled
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.k_unet import k_unet
from graphflow_nodes.models.layers import (
    conv,
    each,
    embedder,
    linear,
    norm,
    require,
    resnet,
    transformer,
)
from graphflow_nodes.models.settings import wrong_settings_of

_ATTENDING = {
    "DownBlock2D": False,
    "CrossAttnDownBlock2D": True,
    "UpBlock2D": False,
    "CrossAttnUpBlock2D": True,
    "ResnetDownsampleBlock2D": False,
    "SimpleCrossAttnDownBlock2D": True,
    "ResnetUpsampleBlock2D": False,
    "SimpleCrossAttnUpBlock2D": True,
}
"""Kind of block → whether it has attention."""
_SIMPLE = ("Simple", "Resnet")
"""Begin the kinds of blocks that have one attention layer in place of a transformer, and resample by a resnet."""


@dataclass(frozen=True)
class _Block:
    """The settings of one level of a config, for its blocks going down and up."""

    width: int
    layers: int
    depth: Any
    heads: int
    context: int
    only_cross: bool


@dataclass(frozen=True)
class _Net:
    """The settings that all blocks of a network share."""

    time: int
    linear_ends: bool
    scaled: bool

    @classmethod
    def of(cls, config: Mapping[str, Any], time: int) -> _Net:
        shift = config["resnet_time_scale_shift"]
        require(shift in ("default", "scale_shift"))
        return cls(time, bool(config["use_linear_projection"]), shift == "scale_shift")

    def resnet(self, name: str, into: int, out: int) -> Iterator[Named]:
        return resnet(name, into, out, self.time, scaled=self.scaled)

    def attends(self, name: str, kind: str, block: _Block, depth: int) -> Iterator[Named]:
        if kind.startswith(_SIMPLE):
            return self._attention(name, block)
        return transformer(
            name, block.width, depth=depth, heads=block.heads, context=block.context, linear_ends=self.linear_ends,
            only_cross=block.only_cross,
        )  # fmt: skip

    def _attention(self, name: str, block: _Block) -> Iterator[Named]:
        """One attention layer, which reads the picture and an embedding by matrices of their own."""
        require(not block.only_cross)
        width = block.width
        yield from norm(f"{name}.group_norm", width)
        for one in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"{name}.{one}", width, width)
        for one in ("add_k_proj", "add_v_proj"):
            yield from linear(f"{name}.{one}", width, block.context)

    def resamples(self, name: str, kind: str, width: int) -> Iterator[Named]:
        """What makes a picture larger or smaller, at the end of a block."""
        if kind.startswith(_SIMPLE):
            return self.resnet(name, width, width)
        return conv(f"{name}.conv", width, width)


def _unet(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a UNet2DConditionModel.

    Raises:
        NotModelled: it has an unknown option.
    """
    require(config["cross_attention_norm"] is None)
    if config["time_embedding_type"] == "fourier":
        yield from k_unet(config)
        return
    require(not config["dual_cross_attention"])
    first = config["block_out_channels"][0]
    time = config["time_embedding_dim"] or 4 * first
    net = _Net.of(config, time * (2 if config["class_embeddings_concat"] else 1))
    yield from conv("conv_in", first, config["in_channels"], config["conv_in_kernel"])
    yield from _embeddings(config, time)
    if config["time_cond_proj_dim"]:
        yield from linear("time_embedding.cond_proj", first, config["time_cond_proj_dim"], bias=False)
    blocks = _blocks(config)
    yield from _down(config, net, blocks)
    yield from _mid(config, net, blocks[-1])
    yield from _up(config, net, blocks)
    yield from norm("conv_norm_out", first)
    yield from conv("conv_out", config["out_channels"], first, config["conv_out_kernel"])


def _controlnet(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a ControlNetModel.

    Raises:
        NotModelled: it has an unknown option.
    """
    first = config["block_out_channels"][0]
    net = _Net.of(config, 4 * first)
    yield from conv("conv_in", first, config["in_channels"])
    yield from _embeddings(config, 4 * first)
    yield from _picture(config, first)
    blocks = _blocks(config)
    yield from _down(config, net, blocks)
    yield from _mid(config, net, blocks[-1])
    widths = [first]
    for level, block in enumerate(blocks):
        widths += [block.width] * (block.layers + (level < len(blocks) - 1))
    for number, width in enumerate(widths):
        yield from conv(f"controlnet_down_blocks.{number}", width, width, 1)
    yield from conv("controlnet_mid_block", blocks[-1].width, blocks[-1].width, 1)


def _picture(config: Mapping[str, Any], first: int) -> Iterator[Named]:
    """The layers that shrink a ControlNet's picture to the size of latents."""
    widths = config["conditioning_embedding_out_channels"]
    require(bool(widths))
    name = "controlnet_cond_embedding"
    yield from conv(f"{name}.conv_in", widths[0], config["conditioning_channels"])
    for number, (width, following) in enumerate(pairwise(widths)):
        yield from conv(f"{name}.blocks.{2 * number}", width, width)
        yield from conv(f"{name}.blocks.{2 * number + 1}", following, width)
    yield from conv(f"{name}.conv_out", first, widths[-1])


def _embeddings(config: Mapping[str, Any], time: int) -> Iterator[Named]:
    """The embeddings of the time step, a class, a text's summary and sizes."""
    first = config["block_out_channels"][0]
    projected = config["projection_class_embeddings_input_dim"]
    yield from embedder("time_embedding", first, time)
    kind = config["class_embed_type"]
    if kind is None and config["num_class_embeds"] is not None:
        yield "class_embedding.weight", (config["num_class_embeds"], time)
    elif kind == "timestep":
        yield from embedder("class_embedding", first, time)
    elif kind == "projection" and projected:
        yield from embedder("class_embedding", projected, time)
    elif kind == "simple_projection" and projected:
        yield from linear("class_embedding", time, projected)
    else:
        require(kind in (None, "identity"))
    read, context = config["encoder_hid_dim"], config["cross_attention_dim"]
    added = config["addition_embed_type"]
    if added == "text":
        require(isinstance(read or context, int))
        yield from _summary(read or context, time)
    elif added == "text_time" and projected:
        yield from embedder("add_embedding", projected, time)
    elif added == "image":
        require(bool(read))
        yield from linear("add_embedding.image_proj", time, read)
        yield from norm("add_embedding.image_norm", time)
    else:
        require(added is None)
    kind = config["encoder_hid_dim_type"]
    require(kind in (None, "text_proj", "image_proj") and (kind is None or bool(read)))
    if read:
        require(isinstance(context, int))
    if kind == "image_proj":
        yield from linear("encoder_hid_proj.image_embeds", _WORDS_OF_IMAGE * context, read)
        yield from norm("encoder_hid_proj.norm", context)
    elif read:
        yield from linear("encoder_hid_proj", context, read)


_WORDS_OF_IMAGE = 32
"""As how many words attention reads the embedding of a picture."""


def _summary(read: int, time: int) -> Iterator[Named]:
    """Diffusers' TextTimeEmbedding: a text pooled by attention, as wide as the embedding of the time step."""
    yield from norm("add_embedding.norm1", read)
    yield "add_embedding.pool.positional_embedding", (1, read)
    for one in ("k_proj", "q_proj", "v_proj"):
        yield from linear(f"add_embedding.pool.{one}", read, read)
    yield from linear("add_embedding.proj", time, read)
    yield from norm("add_embedding.norm2", time)


def _blocks(config: Mapping[str, Any]) -> list[_Block]:
    """The levels of a network, from the widest picture to the smallest."""
    require(config["norm_num_groups"] is not None)
    require(config["num_attention_heads"] is None and config.get("attention_type", "default") == "default")
    widths = config["block_out_channels"]
    settings = ("layers_per_block", "transformer_layers_per_block", "attention_head_dim", "cross_attention_dim")
    found = [each(config[name], len(widths)) for name in (*settings, "only_cross_attention")]
    # The setting attention_head_dim is really the number of heads.
    require(all(isinstance(heads, int) and 0 < heads <= width for heads, width in zip(found[2], widths, strict=True)))
    require(all(isinstance(context, int) for context in found[3]))
    return [_Block(*values) for values in zip(widths, *found, strict=True)]


def _attending(kind: object) -> bool:
    try:
        return _ATTENDING[str(kind)]
    except KeyError as error:
        raise NotModelled from error


def _down(config: Mapping[str, Any], net: _Net, blocks: list[_Block]) -> Iterator[Named]:
    into = blocks[0].width
    kinds = each(config["down_block_types"], len(blocks))
    for level, (kind, block) in enumerate(zip(kinds, blocks, strict=True)):
        name, attends = f"down_blocks.{level}", _attending(kind)
        depths = each(block.depth, block.layers)
        for number in range(block.layers):
            yield from net.resnet(f"{name}.resnets.{number}", into, block.width)
            if attends:
                yield from net.attends(f"{name}.attentions.{number}", kind, block, depths[number])
            into = block.width
        if level < len(blocks) - 1:
            yield from net.resamples(f"{name}.downsamplers.0", kind, block.width)


def _mid(config: Mapping[str, Any], net: _Net, last: _Block) -> Iterator[Named]:
    kind = config["mid_block_type"]
    attending = {"UNetMidBlock2DCrossAttn": "", "UNetMidBlock2DSimpleCrossAttn": _SIMPLE[0]}
    require(kind in (None, "UNetMidBlock2D", *attending) and isinstance(last.depth, int))
    if kind is not None:
        yield from net.resnet("mid_block.resnets.0", last.width, last.width)
    if kind in attending:
        plain = _Block(last.width, 1, last.depth, last.heads, last.context, only_cross=False)
        yield from net.attends("mid_block.attentions.0", attending[kind], plain, last.depth)
        yield from net.resnet("mid_block.resnets.1", last.width, last.width)


def _up(config: Mapping[str, Any], net: _Net, blocks: list[_Block]) -> Iterator[Named]:
    turned = config["reverse_transformer_layers_per_block"]
    depths = each(turned, len(blocks)) if turned is not None else [block.depth for block in reversed(blocks)]
    require(turned is not None or all(isinstance(depth, int) for depth in depths))
    kinds = each(config["up_block_types"], len(blocks))
    before = blocks[-1].width
    for level, (kind, depth) in enumerate(zip(kinds, depths, strict=True)):
        block, below = blocks[-1 - level], blocks[max(0, len(blocks) - 2 - level)]
        name, attends, layers = f"up_blocks.{level}", _attending(kind), block.layers + 1
        for number, deep in enumerate(each(depth, layers)):
            skipped = below.width if number == layers - 1 else block.width
            into = (before if number == 0 else block.width) + skipped
            yield from net.resnet(f"{name}.resnets.{number}", into, block.width)
            if attends:
                yield from net.attends(f"{name}.attentions.{number}", kind, block, deep)
        if level < len(blocks) - 1:
            yield from net.resamples(f"{name}.upsamplers.0", kind, block.width)
        before = block.width


_SHARED = "conv_in|time_embedding|class_embedding|add_embedding|encoder_hid_proj|down_blocks|mid_block"

UNET = ModelClass(
    "UNet2DConditionModel",
    "diffusers",
    defaults=defaults_of("UNet2DConditionModel"),
    wrong=wrong_settings_of("UNet2DConditionModel"),
    layout=_unet,
    own=rf"({_SHARED}|time_proj|up_blocks|conv_norm_out|conv_out)\.",
    options={"attention": True, "compile": True},
)
CONTROLNET = ModelClass(
    "ControlNetModel",
    "diffusers",
    defaults=defaults_of("ControlNetModel"),
    wrong=wrong_settings_of("ControlNetModel"),
    layout=_controlnet,
    own=rf"({_SHARED}|controlnet_cond_embedding|controlnet_down_blocks|controlnet_mid_block)\.",
    options={"attention": True},
)
