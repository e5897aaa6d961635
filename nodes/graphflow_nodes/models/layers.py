"""Layers that several classes share, as names and shapes of their tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphflow.checkpoints.model_class import Named, NotModelled


def require(known: bool) -> None:
    """Give up if an option is not known.

    Raises:
        NotModelled: `known` is false.
    """
    if not known:
        raise NotModelled


def each(value: Any, count: int) -> list[Any]:
    """A setting that is one value for all blocks, or a list with one for each.

    Raises:
        NotModelled: the list has another length.
    """
    if not isinstance(value, (list, tuple)):
        return [value] * count
    require(len(value) == count)
    return list(value)


def linear(name: str, out: int, into: int, *, bias: bool = True) -> Iterator[Named]:
    """A matrix of `out` × `into`."""
    yield f"{name}.weight", (out, into)
    if bias:
        yield f"{name}.bias", (out,)


def conv(name: str, out: int, into: int, kernel: int = 3, *, bias: bool = True) -> Iterator[Named]:
    """A convolution with a square kernel."""
    yield f"{name}.weight", (out, into, kernel, kernel)
    if bias:
        yield f"{name}.bias", (out,)


def norm(name: str, width: int) -> Iterator[Named]:
    """A normalisation with a scale and a shift for each channel."""
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def embedder(name: str, into: int, width: int) -> Iterator[Named]:
    """Diffusers' TimestepEmbedding: two matrices."""
    yield from linear(f"{name}.linear_1", width, into)
    yield from linear(f"{name}.linear_2", width, width)


def resnet(name: str, into: int, out: int, time: int = 0, *, scaled: bool = False) -> Iterator[Named]:
    """Diffusers' ResnetBlock2D.

    Args:
        name: prefix of its tensors' names.
        into, out: channels.
        time: width of the time step's embedding; 0 if it reads none.
        scaled: whether the time step gives a scale in addition to a shift.
    """
    yield from norm(f"{name}.norm1", into)
    yield from conv(f"{name}.conv1", out, into)
    if time:
        yield from linear(f"{name}.time_emb_proj", 2 * out if scaled else out, time)
    yield from norm(f"{name}.norm2", out)
    yield from conv(f"{name}.conv2", out, out)
    if into != out:
        yield from conv(f"{name}.conv_shortcut", out, into, 1)


def attention(name: str, width: int, read: int) -> Iterator[Named]:
    """An attention layer of a transformer block: queries of `width`, keys and values of `read`."""
    yield from linear(f"{name}.to_q", width, width, bias=False)
    yield from linear(f"{name}.to_k", width, read, bias=False)
    yield from linear(f"{name}.to_v", width, read, bias=False)
    yield from linear(f"{name}.to_out.0", width, width)


def transformer(
    name: str, channels: int, *, depth: int, heads: int, context: int, linear_ends: bool, only_cross: bool
) -> Iterator[Named]:
    """Diffusers' Transformer2DModel over a picture's cells.

    Args:
        name: prefix of its tensors' names.
        channels: of the picture.
        depth: number of transformer blocks.
        heads: of each attention; its width is the largest multiple of `heads` within `channels`.
        context: width of the text.
        linear_ends: whether its first and last layers are matrices instead of convolutions of one cell.
        only_cross: whether the first attention reads the text too.
    """
    width = heads * (channels // heads)
    yield from norm(f"{name}.norm", channels)
    ends = linear if linear_ends else _one_cell
    yield from ends(f"{name}.proj_in", width, channels)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        yield from norm(f"{block}.norm1", width)
        yield from attention(f"{block}.attn1", width, context if only_cross else width)
        yield from norm(f"{block}.norm2", width)
        yield from attention(f"{block}.attn2", width, context)
        yield from norm(f"{block}.norm3", width)
        yield from linear(f"{block}.ff.net.0.proj", 8 * width, width)  # a gate and what it gates, four times as wide
        yield from linear(f"{block}.ff.net.2", width, 4 * width)
    yield from ends(f"{name}.proj_out", channels, width)


def _one_cell(name: str, out: int, into: int) -> Iterator[Named]:
    return conv(name, out, into, 1)
