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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

from graphflow.files import write_atomically

CACHE_VARIABLE = "GRAPHFLOW_CACHE"
"""Environment variable: the folder that remembers digests; by default `graphflow` in the user's cache folder."""

_MAX_HEADER = 100_000_000
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_CODES: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its type such as F16, its shape, and where its bytes are (from the end of the header)."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def count(self) -> int:
        """Elements."""
        return (self.end - self.start) // _BYTES.get(self.dtype, 1)


@dataclass(frozen=True)
class Tensors:
    """What a safetensors header tells.

    Attributes:
        tensors: by name.
        offset: bytes before the first tensor.
        metadata: what the file says of itself, such as `modelspec.architecture`.
    """

    tensors: dict[str, Tensor]
    offset: int
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Tensors:
        """Read the header: 8 bytes of length, then JSON (safetensors' file format).

        Raises:
            ValueError: the file is cut off or is no safetensors file; says what was found.
        """
        try:
            with path.open("rb") as handle:
                (length,) = struct.unpack("<Q", handle.read(8))
                if length > _MAX_HEADER:
                    raise ValueError(f"a header of {length} bytes")
                header = json.loads(handle.read(length))
            tensors = {
                name: Tensor(str(one["dtype"]), tuple(one["shape"]), *one["data_offsets"])
                for name, one in header.items()
                if name != "__metadata__"
            }
            metadata = {str(key): str(value) for key, value in (header.get("__metadata__") or {}).items()}
            for name, one in tensors.items():
                if one.count != math.prod(one.shape) and one.dtype in _BYTES:
                    raise ValueError(f"{name} has {one.count} elements instead of {math.prod(one.shape)}")
            whole = 8 + length + max((one.end for one in tensors.values()), default=0)
            if path.stat().st_size != whole:
                raise ValueError(f"{path.stat().st_size} bytes instead of {whole}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
            raise ValueError(str(error)) from error
        return cls(tensors, 8 + length, metadata)

    @functools.cached_property
    def count(self) -> int:
        """Elements of all tensors."""
        return sum(one.count for one in self.tensors.values())


class Stored(Enum):
    """How a tensor of a file holds the tensors of a component."""

    PLAIN = "plain"
    """As it is."""
    THIRDS = "thirds"
    """Three tensors of equal size, joined along the first axis."""
    TRANSPOSED = "transposed"
    """A matrix, rows and columns exchanged."""


def weights_digest(paths: Sequence[Path]) -> str:
    """A digest of all tensors in these files, whatever their names, order, and spread over files.

    It is made over the sorted digests of (type, number of elements, bytes) of each tensor. Names are left out
    since they differ between library versions, and so are `position_ids`, which some versions store.

    Raises:
        ValueError: a file is no whole safetensors file.
    """
    parts: list[str] = []
    for path in paths:
        parts += _remembered(path)
    return _joined(parts)


def part_digest(path: Path, stored: Mapping[str, Stored]) -> str:
    """The digest that `weights_digest` gives for a file that holds only the tensors named in `stored`, each plain.

    Raises:
        ValueError: the file is no whole safetensors file.
        KeyError: it has no tensor of one of the names.
    """
    return _joined(_remembered(path, stored))


def _joined(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _remembered(path: Path, stored: Mapping[str, Stored] | None = None) -> list[str]:
    """The digests of a file's tensors, or of some of them, read once for a (path, size, mtime, inode)."""
    found = path.stat()
    key = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    if stored is not None:
        key += "".join(f"\n{name} {stored[name].value}" for name in sorted(stored))
    memory = cache_folder() / "weights" / hashlib.sha256(key.encode()).hexdigest()
    try:
        return list(_known(memory))
    except OSError:
        digests = list(_digests(path, stored))
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memory, "\n".join(digests).encode())
    except Exception:  # noqa: BLE001
        # A folder that cannot be written to costs time and nothing else.
        return digests
    return digests


def _digests(path: Path, stored: Mapping[str, Stored] | None) -> Iterator[str]:
    header = Tensors.of(path)
    if stored is None:
        stored = {name: Stored.PLAIN for name in header.tensors if not name.endswith("position_ids")}
    if not stored:
        return
    with (
        path.open("rb") as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):
        for name, how in stored.items():
            one = header.tensors[name]
            with view[header.offset + one.start : header.offset + one.end] as data:
                yield from _tensor_digests(one, data, how)


def _tensor_digests(tensor: Tensor, data: memoryview, how: Stored) -> Iterator[str]:
    pieces = 3 if how is Stored.THIRDS else 1
    size = len(data) // pieces
    for number in range(pieces):
        digest = hashlib.sha256(f"{tensor.dtype} {tensor.count // pieces}\n".encode())
        if how is Stored.TRANSPOSED:
            with data.cast(_CODES[_BYTES.get(tensor.dtype, 1)]) as elements:
                for column in range(tensor.shape[1]):
                    digest.update(elements[column :: tensor.shape[1]].tobytes())
        else:
            with data[number * size : (number + 1) * size] as piece:
                digest.update(piece)
        yield digest.hexdigest()


@functools.lru_cache(maxsize=1024)
def _known(memory: Path) -> tuple[str, ...]:
    """The digests that an earlier process left; a file's name says what it is about, so it never changes."""
    return tuple(memory.read_text().split())


def cache_folder() -> Path:
    """Where graphflow remembers what can be found out again."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "graphflow"
