"""Identify weights by content: a digest of a component's tensors that does not depend on the layout of its files.

Only bytes are read, so neither torch nor numpy is needed to decide whether two files contain the same component.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from graphflow.checkpoints.digest_cache import Digests, remember, remembered
from graphflow.checkpoints.safetensors_header import Tensor, Tensors, read_tensors
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.system.files import open_regular
from graphflow.system.free_cores import Cores

_CODES: dict[int, Literal["B", "H", "I", "Q"]] = {8: "B", 16: "H", 32: "I", 64: "Q"}
"""Bits of an element → format code for an array of such elements."""


LARGE = 32 * 2**20
"""Bytes of a file from which several threads hash it; they take longer to start than a smaller one takes."""


def tensor_digests(path: Path, stored: Mapping[str, Stored] | None = None) -> Digests:
    """Name of each tensor of a file, or only of those in `stored` → digests of (type, number of elements, bytes).

    There is a digest for each tensor of the component that a tensor contains. Digests are cached by path, size, times
    and inode.

    Raises:
        ValueError: the file is not a complete safetensors file.
        KeyError: the file does not have one of the tensors.
    """
    header = read_tensors(path)
    if stored is None:
        stored = dict.fromkeys(header.tensors, Stored.PLAIN)
    key = _key(path, stored)
    cached = remembered(key)
    if cached is not None and _fits(cached, stored):
        return cached
    digests = _digests(path, header, stored)
    if _key(path, stored) == key:  # otherwise the file was changed meanwhile
        remember(key, digests)
    return digests


def weights_digest(named: Iterable[tuple[str, str]]) -> str:
    """The digest of a component, given the name and digest of each of its tensors, in any order.

    The names determine the places of tensors in a model. They should be those of `graphflow.checkpoints.tensor_names`,
    which do not depend on the layout.
    """
    return hashlib.sha256(json.dumps(sorted(named)).encode()).hexdigest()


def digest_of_files(paths: Sequence[Path], rename: Callable[[str], str | None] = str) -> str:
    """The digest of all tensors in these files; it does not depend on their order or their distribution over the files.

    Args:
        paths: safetensors files.
        rename: returns the name to use for the name in a file; None to ignore the tensor.

    Raises:
        ValueError: a file is not a complete safetensors file.
    """
    tensors = [item for path in paths for item in tensor_digests(path).items()]
    return weights_digest(
        (new, piece) for old, pieces in tensors if (new := rename(old)) is not None for piece in pieces
    )


def _key(path: Path, stored: Mapping[str, Stored]) -> str:
    status = path.stat()
    key = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    return key + "".join(f"\n{name} {stored[name].value}" for name in sorted(stored))


def _fits(digests: Digests, stored: Mapping[str, Stored]) -> bool:
    return digests.keys() == stored.keys() and all(len(digests[name]) == how.pieces for name, how in stored.items())


def _digests(path: Path, header: Tensors, stored: Mapping[str, Stored]) -> Digests:
    if not stored:
        return {}
    with (
        open_regular(path) as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):

        def digests_of(name: str) -> tuple[str, ...]:
            tensor = header.tensors[name]
            with view[header.offset + tensor.start : header.offset + tensor.end] as data:
                return tuple(_pieces(tensor, data, stored[name]))

        return dict(zip(stored, _each(digests_of, stored, nbytes=len(content)), strict=True))


def _each(digests_of: Callable[[str], tuple[str, ...]], names: Iterable[str], nbytes: int) -> list[tuple[str, ...]]:
    """The digests of these tensors; if their file is large, each core hashes some of them."""
    cores = math.ceil(Cores.now().allowed)
    if nbytes < LARGE or cores == 1:
        return list(map(digests_of, names))
    from concurrent.futures import ThreadPoolExecutor

    # Threads suffice, since hashlib lets others run while it hashes.
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(digests_of, names))


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
