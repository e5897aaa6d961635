"""The header of a safetensors file: its tensors with their types, shapes and places. No tensor is read."""

from __future__ import annotations

import functools
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NoReturn

from graphflow.system.files import once_a_file, open_regular
from graphflow.text_helpers.words import counted

_MAX_HEADER = 100_000_000
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Type of tensors → bits of an element. Source: safetensors 0.8."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its type such as F16, its shape, and where its bytes are (from the end of the header)."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @classmethod
    def of(cls, name: str, told: Mapping[str, Any]) -> Tensor:
        """A tensor as a header tells it.

        Raises:
            ValueError, KeyError, TypeError: it is no tensor; says what is wrong.
        """
        (start, end), shape, dtype = told["data_offsets"], tuple(told["shape"]), told["dtype"]
        if not all(type(number) is int and number >= 0 for number in (start, end, *shape)) or start > end:
            raise ValueError(f"{name} has the shape {told['shape']} and lies at {told['data_offsets']}")
        if dtype not in _BITS:
            raise ValueError(f"{name} is of the type {dtype}, which is not a type of safetensors")
        found, count = cls(dtype, shape, start, end), math.prod(shape)
        if count * _BITS[dtype] != 8 * (end - start):
            raise ValueError(f"{name} has {found.count} elements instead of {count}")
        name.encode()  # a name that is no text is a ValueError, too
        return found

    @property
    def bits(self) -> int:
        """Bits of an element."""
        return _BITS[self.dtype]

    @property
    def count(self) -> int:
        """Elements."""
        return 8 * (self.end - self.start) // self.bits


@dataclass(frozen=True)
class Tensors:
    """What a safetensors header tells.

    Attributes:
        tensors: by name; cannot be changed.
        offset: bytes before the first tensor.
        metadata: what the file says of itself, such as `modelspec.architecture`; cannot be changed.
    """

    tensors: Mapping[str, Tensor]
    offset: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @classmethod
    def of(cls, path: Path) -> Tensors:
        """Read the header: 8 bytes of length, then JSON (safetensors' file format).

        Refused is what safetensors refuses, and a file without tensors.

        Raises:
            ValueError: the file is cut off, is no safetensors file, or holds no tensor; says what was found.
        """
        try:
            with open_regular(path) as handle:
                return cls._read(handle)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(getattr(error, "strerror", None) or str(error)) from error

    @classmethod
    def _read(cls, handle: BinaryIO) -> Tensors:
        start = handle.read(8)
        if len(start) < 8:
            raise ValueError(f"it ends after {counted(len(start), 'byte')}, and its header alone starts with 8")
        (length,) = struct.unpack("<Q", start)
        if length > _MAX_HEADER:
            raise ValueError(f"its header would have {length:,} bytes, more than {_MAX_HEADER:,}")
        header = json.loads(handle.read(length), parse_constant=_refuse_constant)
        metadata = header.pop("__metadata__", None) or {}
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("a value of its __metadata__ is not text")
        tensors = {name: Tensor.of(name, one) for name, one in header.items()}
        if not tensors:
            raise ValueError("it holds no tensor")
        _check_places(tensors)
        whole, size = 8 + length + max(one.end for one in tensors.values()), os.fstat(handle.fileno()).st_size
        if size != whole:
            raise ValueError(f"{size} bytes instead of {whole}")
        return cls(tensors, 8 + length, metadata)

    @functools.cached_property
    def count(self) -> int:
        """Elements of all tensors."""
        return sum(one.count for one in self.tensors.values())


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} in its header")


def _check_places(tensors: Mapping[str, Tensor]) -> None:
    """Every byte belongs to one tensor.

    Raises:
        ValueError: two tensors share bytes, or bytes belong to none.
    """
    placed = sorted(tensors.items(), key=lambda one: (one[1].start, one[1].end))
    if placed[0][1].start:
        raise ValueError(f"{placed[0][1].start} bytes before {placed[0][0]} belong to no tensor")
    for (before, one), (after, other) in pairwise(placed):
        if other.start < one.end:
            raise ValueError(f"{before} and {after} share bytes")
        if other.start > one.end:
            raise ValueError(f"{other.start - one.end} bytes before {after} belong to no tensor")


read_tensors = once_a_file(Tensors.of)
"""`Tensors.of`, once for a file that has not changed."""
