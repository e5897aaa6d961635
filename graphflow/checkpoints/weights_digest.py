"""Weights by content: a digest of a component's tensors that is the same in every layout of its files.

Only bytes are read: neither torch nor numpy is needed to say whether two files hold the same component.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from graphflow.checkpoints.digest_cache import Digests, remember, remembered
from graphflow.checkpoints.safetensors_header import Tensor, Tensors, read_tensors
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.system.files import open_regular

_CODES: dict[int, Literal["B", "H", "I", "Q"]] = {8: "B", 16: "H", 32: "I", 64: "Q"}
"""Bits of an element → code of an array of such elements."""


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
            with data.cast(_CODES[tensor.bits]) as elements:
                for column in range(tensor.shape[1]):
                    digest.update(elements[column :: tensor.shape[1]].tobytes())
        else:
            with data[number * size : (number + 1) * size] as piece:
                digest.update(piece)
        yield digest.hexdigest()
