"""Values as bytes, in the format of safetensors: pixels and tensors as tensors, everything else as JSON beside them.

Only values made of tensors need torch, to write as well as to read them.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from graphflow.errors import InvalidValue
from graphflow.values import tensors
from graphflow.values.animation import Animation
from graphflow.values.any_value import digest_of
from graphflow.values.embedding_space import EmbeddingSpace
from graphflow.values.latent_space import LatentSpace, Noise
from graphflow.values.raster import Image, Mask
from graphflow.values.tensor_values import Conditioning, ImageEmbedding, Latents
from graphflow.values.tensors import RawTensor

Buffer = bytes | memoryview

_KIND = "graphflow-value-1"

_NOT_A_VALUE = (
    ArithmeticError, AttributeError, InvalidValue, LookupError, RecursionError, TypeError, ValueError, struct.error,
)  # fmt: skip
"""What reading a damaged content may raise."""


class UnstoredType(Exception):
    """A value of a type that cannot be written; it names other files, or belongs to another package."""


class DamagedContent(ValueError):
    """The bytes of a value are damaged, or are those of another value."""


def encode(value: Any) -> list[Buffer]:
    """The bytes of a value, in parts.

    Raises:
        UnstoredType: values of this type cannot be written.
    """
    parts: list[RawTensor] = []
    tree = _described(value, parts)
    ends = list(accumulate((len(part.data) for part in parts), initial=0))
    entries: dict[str, Any] = {
        str(number): {"dtype": part.dtype, "shape": part.shape, "data_offsets": place}
        for number, (part, place) in enumerate(zip(parts, pairwise(ends), strict=True))
    }
    entries["__metadata__"] = {"kind": _KIND, "value": json.dumps(tree)}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    return [struct.pack("<Q", len(header)) + header, *(part.data for part in parts)]


def decode(content: bytes, digest: str) -> Any:
    """The value with this digest that `encode` wrote.

    Raises:
        DamagedContent: the content is damaged, or is another value.
    """
    try:
        value = _decoded(content)
        found = digest_of(value)
    except _NOT_A_VALUE as error:
        raise DamagedContent("it cannot be read") from error
    if found != digest:
        raise DamagedContent("it is another value than the one that was stored")
    return value


def _decoded(content: bytes) -> Any:
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    about = header.pop("__metadata__")
    if about["kind"] != _KIND:
        raise ValueError(f"{about['kind']} is not a kind of values")
    data = memoryview(content)[8 + length :]
    parts = [_part(header[str(number)], data) for number in range(len(header))]
    if sum(len(part.data) for part in parts) != len(data):
        raise ValueError("it has more bytes than tensors")
    return _restored(json.loads(about["value"]), parts)


def _part(entry: Mapping[str, Any], data: memoryview) -> RawTensor:
    (first, end), shape = entry["data_offsets"], tuple(entry["shape"])
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"{shape} is not a shape")
    return RawTensor(entry["dtype"], shape, data[first:end])


def _described(value: Any, parts: list[RawTensor]) -> list[Any]:
    """A value as JSON: the word of its kind, and what it is made of; pixels and tensors are added to `parts`."""
    kind = type(value)
    if kind is tuple:
        return ["list", *(_described(item, parts) for item in value)]
    if kind in _SCALARS:
        word, write, _ = _SCALARS[kind]
        return [word, write(value)]
    if kind in _WRITERS:
        word, describe = _WRITERS[kind]
        return [word, *describe(value, parts)]
    raise UnstoredType(kind.__name__)


def _restored(tree: Sequence[Any], parts: Sequence[RawTensor]) -> Any:
    word, *fields = tree
    if word == "list":
        return tuple(_restored(item, parts) for item in fields)
    if word in _SCALAR_READERS:
        return _SCALAR_READERS[word](*fields)
    return _READERS[word](parts, *fields)


# Pixels


def _add_pixels(parts: list[RawTensor], pixels: bytes, *shape: int) -> int:
    parts.append(RawTensor("U8", shape, pixels))
    return len(parts) - 1


def _image(value: Image, parts: list[RawTensor]) -> list[Any]:
    return [_add_pixels(parts, value.pixels, value.height, value.width, 3)]


def _mask(value: Mask, parts: list[RawTensor]) -> list[Any]:
    return [_add_pixels(parts, value.pixels, value.height, value.width)]


def _animation(value: Animation, parts: list[RawTensor]) -> list[Any]:
    first = value.frames[0]
    pixels = b"".join(frame.pixels for frame in value.frames)
    number = _add_pixels(parts, pixels, len(value.frames), first.height, first.width, 3)
    return [number, value.duration, value.loop, value.format]


def _read_image(parts: Sequence[RawTensor], number: int) -> Image:
    height, width, _ = parts[number].shape
    return Image(bytes(parts[number].data), width, height)


def _read_mask(parts: Sequence[RawTensor], number: int) -> Mask:
    height, width = parts[number].shape
    return Mask(bytes(parts[number].data), width, height)


def _read_animation(parts: Sequence[RawTensor], number: int, duration: int, loop: int, format: str) -> Animation:
    count, height, width, _ = parts[number].shape
    data, size = parts[number].data, math.prod((height, width, 3))
    frames = [Image(bytes(data[size * i : size * (i + 1)]), width, height) for i in range(count)]
    return Animation(tuple(frames), duration, loop, format)


# Tensors


def _add_tensor(parts: list[RawTensor], tensor: Any) -> list[Any]:
    try:
        parts.append(tensors.to_raw(tensor))
    except ValueError as error:
        raise UnstoredType(str(error)) from error
    return [len(parts) - 1, parts[-1].channels_last]


def _tensor(parts: Sequence[RawTensor], number: int, channels_last: bool) -> Any:
    raw = parts[number]
    return tensors.of_raw(RawTensor(raw.dtype, raw.shape, raw.data, channels_last))


def _latents(value: Latents, parts: list[RawTensor]) -> list[Any]:
    noise = None if value.noise is None else value.noise.to_json()
    return [_add_tensor(parts, value.tensor), value.space.to_json(), noise]


def _conditioning(value: Conditioning, parts: list[RawTensor]) -> list[Any]:
    named = {name: _add_tensor(parts, tensor) for name, tensor in value.tensors.items()}
    return [named, value.readout, value.encoder]


def _embedding(value: ImageEmbedding, parts: list[RawTensor]) -> list[Any]:
    both = [_add_tensor(parts, tensor) for tensor in (value.positive, value.negative)]
    generator = None if value.generator is None else _add_tensor(parts, value.generator)
    return [*both, value.space.to_json(), generator]


def _read_latents(parts: Sequence[RawTensor], tensor: list[Any], space: str, noise: str | None) -> Latents:
    stopped = None if noise is None else Noise.of_json(noise)
    return Latents(_tensor(parts, *tensor), LatentSpace.of_json(space), stopped)


def _read_conditioning(
    parts: Sequence[RawTensor], named: Mapping[str, list[Any]], readout: str, encoder: str
) -> Conditioning:
    return Conditioning({name: _tensor(parts, *tensor) for name, tensor in named.items()}, readout, encoder)


def _read_embedding(
    parts: Sequence[RawTensor], positive: list[Any], negative: list[Any], space: str, generator: list[Any] | None
) -> ImageEmbedding:
    state = None if generator is None else _tensor(parts, *generator)
    return ImageEmbedding(_tensor(parts, *positive), _tensor(parts, *negative), EmbeddingSpace.of_json(space), state)


# All types


def _same(value: Any) -> Any:
    return value


# Numbers are written in base 16, which is exact for floats, and has no limit of length for ints.
_SCALARS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    type(None): ("none", _same, _same),
    bool: ("bool", _same, _same),
    int: ("int", hex, lambda text: int(text, 16)),
    float: ("float", float.hex, float.fromhex),
    str: ("string", _same, _same),
}
"""Class of values → the word of their kind; how a value becomes JSON, and JSON a value."""

_WRITERS: dict[type, tuple[str, Callable[[Any, list[RawTensor]], list[Any]]]] = {
    Image: ("image", _image),
    Mask: ("mask", _mask),
    Animation: ("animation", _animation),
    Latents: ("latents", _latents),
    Conditioning: ("conditioning", _conditioning),
    ImageEmbedding: ("image_embedding", _embedding),
}
"""Class of values → the word of their kind, and what is written of a value."""

_SCALAR_READERS = {word: read for word, _, read in _SCALARS.values()}
_READERS: dict[str, Callable[..., Any]] = {
    "image": _read_image,
    "mask": _read_mask,
    "animation": _read_animation,
    "latents": _read_latents,
    "conditioning": _read_conditioning,
    "image_embedding": _read_embedding,
}
