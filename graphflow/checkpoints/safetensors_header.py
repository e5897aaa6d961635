"""The header of a safetensors file: types, shapes and positions of its tensors, which are not read."""

from __future__ import annotations

import functools
import json
import math
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

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
    """A tensor of a file: its type, such as F16, its shape, and the range of its bytes, from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Tensor:
        """Read the entry of a tensor in a header.

        Raises:
            ValueError, KeyError, TypeError: the entry is not valid; the message names the reason.
        """
        (start, end), shape, dtype = entry["data_offsets"], tuple(entry["shape"]), entry["dtype"]
        if not all(type(number) is int and number >= 0 for number in (start, end, *shape)) or start > end:
            raise ValueError(f"{name} has the shape {entry['shape']} and lies at {entry['data_offsets']}")
        if dtype not in _BITS:
            raise ValueError(f"{name} is of the type {dtype}, which is not a type of safetensors")
        tensor, count = cls(dtype, shape, start, end), math.prod(shape)
        if count * _BITS[dtype] != 8 * (end - start):
            raise ValueError(f"{name} has {tensor.count} elements instead of {count}")
        name.encode()  # raises a ValueError if the name has lone surrogates
        return tensor

    @property
    def bits(self) -> int:
        """Number of bits of an element."""
        return _BITS[self.dtype]

    @property
    def count(self) -> int:
        """Number of elements."""
        return 8 * (self.end - self.start) // self.bits


@dataclass(frozen=True)
class Tensors:
    """The content of a safetensors header.

    Attributes:
        tensors: name → tensor; read-only.
        offset: number of bytes before the first tensor.
        metadata: further facts about the file, such as `modelspec.architecture`; read-only.
    """

    tensors: Mapping[str, Tensor]
    offset: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @classmethod
    def of(cls, path: Path) -> Tensors:
        """Read the header of a file in the format of safetensors: 8 bytes with the length, then JSON.

        A file is refused if the library safetensors would refuse it, or if it has no tensors.

        Raises:
            ValueError: the file is truncated, is not a safetensors file, or has no tensors; the message names the
                reason.
        """
        try:
            with open_regular(path) as handle:
                return cls.read(handle.read, os.fstat(handle.fileno()).st_size)
        except OSError as error:
            raise ValueError(error.strerror or str(error)) from error

    @classmethod
    def read(cls, read: Callable[[int], bytes], size: int) -> Tensors:
        """Read the header of a file.

        Args:
            read: returns the next bytes of the file, as many as it is asked for; fewer only at the end of the file.
            size: bytes of the whole file.

        Raises:
            ValueError: as `of`.
        """
        try:
            return cls._read(read, size)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(str(error)) from error

    @classmethod
    def _read(cls, read: Callable[[int], bytes], size: int) -> Tensors:
        start = read(8)
        if len(start) < 8:
            raise ValueError(f"it ends after {counted(len(start), 'byte')}, and its header alone starts with 8")
        (length,) = struct.unpack("<Q", start)
        if length > _MAX_HEADER:
            raise ValueError(f"its header would have {length:,} bytes, more than {_MAX_HEADER:,}")
        header = json.loads(read(length), parse_constant=_refuse_constant)
        metadata = header.pop("__metadata__", None) or {}
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("a value of its __metadata__ is not text")
        tensors = {name: Tensor.of(name, entry) for name, entry in header.items()}
        if not tensors:
            raise ValueError("it holds no tensor")
        _check_places(tensors)
        whole = 8 + length + max(tensor.end for tensor in tensors.values())
        if size != whole:
            raise ValueError(f"{size} bytes instead of {whole}")
        return cls(tensors, 8 + length, metadata)

    @functools.cached_property
    def count(self) -> int:
        """Number of elements of all tensors."""
        return sum(tensor.count for tensor in self.tensors.values())


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} in its header")


def _check_places(tensors: Mapping[str, Tensor]) -> None:
    """Check that every byte belongs to exactly one tensor.

    Raises:
        ValueError: two tensors share bytes, or bytes do not belong to any tensor.
    """
    placed = sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end))
    if placed[0][1].start:
        raise ValueError(f"{placed[0][1].start} bytes before {placed[0][0]} belong to no tensor")
    for (before, first), (after, second) in pairwise(placed):
        if second.start < first.end:
            raise ValueError(f"{before} and {after} share bytes")
        if second.start > first.end:
            raise ValueError(f"{second.start - first.end} bytes before {after} belong to no tensor")


read_tensors = once_a_file(Tensors.of)
"""`Tensors.of`, with cached results for files that have not changed."""
