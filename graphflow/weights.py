"""Weights by content: what tensors a safetensors file holds, and a digest of them that no layout changes.

Only bytes are read: neither torch nor numpy is needed to say whether two files hold the same component.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphflow.files import write_atomically

CACHE_VARIABLE = "GRAPHFLOW_CACHE"
"""Environment variable: the folder that remembers digests; by default `graphflow` in the user's cache folder."""

_MAX_HEADER = 100_000_000
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}


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
    """

    tensors: dict[str, Tensor]
    offset: int

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
            whole = 8 + length + max((one.end for one in tensors.values()), default=0)
            if path.stat().st_size != whole:
                raise ValueError(f"{path.stat().st_size} bytes instead of {whole}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise ValueError(str(error)) from error
        return cls(tensors, 8 + length)

    @property
    def count(self) -> int:
        """Elements of all tensors."""
        return sum(one.count for one in self.tensors.values())


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
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _remembered(path: Path) -> list[str]:
    """The digests of a file's tensors, read once for a (path, size, mtime, inode)."""
    found = path.stat()
    key = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    memory = cache_folder() / "weights" / hashlib.sha256(key.encode()).hexdigest()
    try:
        return memory.read_text().split()
    except OSError:
        digests = _digests(path)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memory, "\n".join(digests).encode())
    except Exception:  # noqa: BLE001
        # A folder that cannot be written to costs time and nothing else.
        return digests
    return digests


def _digests(path: Path) -> list[str]:
    header = Tensors.of(path)
    if not header.tensors:
        return []
    digests = []
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        for name, one in header.tensors.items():
            if name.endswith("position_ids"):
                continue
            digest = hashlib.sha256(f"{one.dtype} {one.count}\n".encode())
            digest.update(view[header.offset + one.start : header.offset + one.end])
            digests.append(digest.hexdigest())
        view.release()
    return digests


def cache_folder() -> Path:
    """Where graphflow remembers what can be found out again."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "graphflow"
