"""Weights by content: what tensors a safetensors file holds, and a digest of them that no layout changes.

Only bytes are read: neither torch nor numpy is needed to say whether two files hold the same component.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, NoReturn

from graphflow.checkpoints.digest_cache import Digests, remember, remembered
from graphflow.system.files import once_a_file, open_regular
from graphflow.wording.words import counted

_MAX_HEADER = 100_000_000
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Type of tensors → bits of an element. Source: safetensors 0.8."""
_CODES: dict[int, Literal["B", "H", "I", "Q"]] = {8: "B", 16: "H", 32: "I", 64: "Q"}


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
    def count(self) -> int:
        """Elements."""
        return 8 * (self.end - self.start) // _BITS[self.dtype]


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


class Stored(Enum):
    """How a tensor of a file holds the tensors of a component."""

    PLAIN = "plain"
    """As it is."""
    THIRDS = "thirds"
    """Three tensors of equal size, joined along the first axis."""
    TRANSPOSED = "transposed"
    """A matrix, rows and columns exchanged."""
    CELL = "cell"
    """A matrix as a convolution of one cell, (rows, columns, 1, 1)."""

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of each of a component's tensors, from that of the file's tensor."""
        if self is Stored.THIRDS:
            return (shape[0] // 3, *shape[1:])
        if self is Stored.TRANSPOSED:
            return shape[::-1]
        return shape[:2] if self is Stored.CELL else shape

    @property
    def pieces(self) -> int:
        """How many tensors of a component it is."""
        return 3 if self is Stored.THIRDS else 1


def tensor_digests(path: Path, stored: Mapping[str, Stored] | None = None) -> Digests:
    """Name of each tensor of a file, or of those in `stored` → digests of (type, number of elements, bytes).

    A tensor that holds three gives three. Digests are made once for a (path, size, times, inode).

    Raises:
        ValueError: the file is not a complete safetensors file.
        KeyError: it has no tensor of one of the names.
    """
    header = read_tensors(path)
    if stored is None:
        stored = dict.fromkeys(header.tensors, Stored.PLAIN)
    key = _key(path, stored)
    found = remembered(key)
    if found is not None and _fits(found, stored):
        return found
    made = _digests(path, header, stored)
    if _key(path, stored) == key:  # else somebody has changed the file meanwhile
        remember(key, made)
    return made


def weights_digest(named: Iterable[tuple[str, str]]) -> str:
    """The digest of a component, from the name and the digest of each of its tensors in any order.

    Names say where a tensor goes in a model: give those of `graphflow.checkpoints.tensor_names`, which are the same in
    every layout.
    """
    return hashlib.sha256(json.dumps(sorted(named)).encode()).hexdigest()


def digest_of_files(paths: Sequence[Path], rename: Callable[[str], str | None] = str) -> str:
    """The digest of all tensors in these files, whatever their order and their spread over the files.

    Args:
        paths: safetensors files.
        rename: name in a file → name that counts; None: the tensor does not count.

    Raises:
        ValueError: a file is not a complete safetensors file.
    """
    found = [one for path in paths for one in tensor_digests(path).items()]
    return weights_digest((new, piece) for old, pieces in found if (new := rename(old)) is not None for piece in pieces)


def _key(path: Path, stored: Mapping[str, Stored]) -> str:
    found = path.stat()
    key = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    return key + "".join(f"\n{name} {stored[name].value}" for name in sorted(stored))


def _fits(found: Digests, stored: Mapping[str, Stored]) -> bool:
    return found.keys() == stored.keys() and all(len(found[name]) == how.pieces for name, how in stored.items())


def _digests(path: Path, header: Tensors, stored: Mapping[str, Stored]) -> Digests:
    if not stored:
        return {}
    with (
        open_regular(path) as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):
        found = {}
        for name, how in stored.items():
            one = header.tensors[name]
            with view[header.offset + one.start : header.offset + one.end] as data:
                found[name] = tuple(_pieces(one, data, how))
        return found


def _pieces(tensor: Tensor, data: memoryview, how: Stored) -> Iterator[str]:
    size = len(data) // how.pieces
    for number in range(how.pieces):
        digest = hashlib.sha256(f"{tensor.dtype} {tensor.count // how.pieces}\n".encode())
        if how is Stored.TRANSPOSED:
            with data.cast(_CODES[_BITS[tensor.dtype]]) as elements:
                for column in range(tensor.shape[1]):
                    digest.update(elements[column :: tensor.shape[1]].tobytes())
        else:
            with data[number * size : (number + 1) * size] as piece:
                digest.update(piece)
        yield digest.hexdigest()
