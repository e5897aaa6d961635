"""Requests to the hub, all made by huggingface_hub, which is imported when the first one is needed.

A token comes from where huggingface_hub finds it, and stays there.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from graphflow.checkpoints.download_bar import SilentBar
from graphflow.checkpoints.hub_cache import cache_folder, remember_commit
from graphflow.checkpoints.hub_errors import refusal_of
from graphflow.checkpoints.hub_facts import NOT_READ, HubFile, Repository
from graphflow.checkpoints.reading import read_json
from graphflow.checkpoints.safetensors_header import Tensor, Tensors
from graphflow.document.refusal import Refusal
from graphflow.system.warning_filters import filtered

_SMALL = (".json", ".txt", ".model")
_MOST = 32 * 2**20
"""Bytes of the largest file that is read to know what a checkpoint is, such as a vocabulary."""
_CARD, _MOST_OF_CARD = "README.md", 2**20
_AT_A_TIME = 8
_TIMEOUT = 10.0
_CHUNK = 2**20

Tick = Callable[[int], None]
"""Called with the number of bytes that have arrived since the last call, which may be negative after a new start."""


class StoppedError(Exception):
    """What a `Tick` raises to end a download."""


def list_files(name: str, revision: str) -> Repository:
    """What a repository holds at a revision.

    Raises:
        Refusal: there is none, or it cannot be read; `UnreachableHub` if the hub cannot be asked now.
    """
    with _asking(name, revision):
        told = _api().model_info(name, revision=revision, files_metadata=True, timeout=_TIMEOUT)
        files = [_file(one) for one in told.siblings or ()]
        return Repository(name, str(told.sha), {one.path: one for one in files})


def _file(told: Any) -> HubFile:
    digest = None if told.lfs is None else told.lfs["sha256"]
    return HubFile(told.rfilename, told.size or 0, digest or told.blob_id or "", digest is not None)


def download_small_files(repository: Repository, revision: str) -> None:
    """Download the configs, the vocabularies and the model card of a checkpoint, as far as they are not here.

    From then on the revision stands for this commit on this machine.

    Raises:
        Refusal: a file cannot be read or stored.
    """
    with _asking(repository.name, revision):
        index = "model_index.json"
        if index in repository.files:
            _fetch(repository, index)
            roles = _roles(repository.folder / index)
        else:
            roles = frozenset()
        small = [one.path for one in small_files(repository, roles)]
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            list(threads.map(lambda path: _fetch(repository, path), small))
        remember_commit(f"{repository.name}@{revision}", repository.commit)


def small_files(repository: Repository, roles: Iterable[str]) -> list[HubFile]:
    """The files that say what a checkpoint with these parts is."""
    known, found = {".", *roles}, []
    for file in repository.files.values():
        path = PurePosixPath(file.path)
        is_setting = str(path.parent) in known and path.suffix in _SMALL and file.size <= _MOST
        if is_setting or (file.path == _CARD and file.size <= _MOST_OF_CARD):
            found.append(file)
    return found


def has_small_files(repository: Repository) -> bool:
    """Whether this machine has them all."""
    index = repository.folder / "model_index.json"
    if "model_index.json" not in repository.files:
        return all(map(repository.has, small_files(repository, ())))
    try:
        return index.is_file() and all(map(repository.has, small_files(repository, _roles(index))))
    except Refusal:
        return False


def _roles(index: Path) -> frozenset[str]:
    """The parts that model_index.json names and that are read."""
    parts = {role: value for role, value in read_json(index).items() if isinstance(value, list) and any(value)}
    return frozenset(parts).difference(NOT_READ)


def with_headers(repository: Repository, paths: Sequence[str]) -> Repository:
    """The facts of a repository with the headers of these weight files, of which only the first bytes are read.

    Raises:
        Refusal: a file is not a safetensors file, or cannot be read.
    """
    with _asking(repository.name, repository.commit), ThreadPoolExecutor(_AT_A_TIME) as threads:
        found = list(threads.map(lambda path: _header(repository, path), paths))
    return replace(repository, headers={**repository.headers, **dict(zip(paths, found, strict=True))})


def _header(repository: Repository, path: str) -> Tensors:
    from huggingface_hub.errors import SafetensorsParsingError

    message = f"{path} of {repository.name} is not a complete safetensors file"
    try:
        told = _api().parse_safetensors_file_metadata(repository.name, path, revision=repository.commit)
    except (SafetensorsParsingError, json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
        raise Refusal("checkpoint-broken", message, "its header cannot be read", "name another checkpoint") from error
    # Apart from the request, whose errors of the connection are ValueErrors, too.
    try:
        tensors = {
            key: Tensor.of(key, {"dtype": one.dtype, "shape": one.shape, "data_offsets": one.data_offsets})
            for key, one in told.tensors.items()
        }
    except (ValueError, LookupError, TypeError) as error:
        raise Refusal("checkpoint-broken", message, str(error), "name another checkpoint") from error
    if not tensors:
        raise Refusal("checkpoint-broken", message, "it holds no tensor", "name another checkpoint")
    offset = repository.files[path].size - max(one.end for one in tensors.values())
    return Tensors(tensors, offset, {key: str(text) for key, text in (told.metadata or {}).items()})


def download(repository: Repository, file: HubFile, tick: Tick) -> None:
    """Download a file into the hub's cache, and compare it with the hub's sha256; it is tried twice.

    Args:
        repository: that has the file.
        file: of it.
        tick: told of the bytes that arrive; the download ends with what it raises.

    Raises:
        Refusal: the file cannot be read or stored, or is another one than the hub says.
    """
    place = repository.folder / file.path
    for _ in range(2):
        _remove(place)
        with _asking(repository.name, repository.commit):
            _fetch(repository, file.path, tick)
        if repository.has(file) and (not file.verified or _sha256(place, tick) == file.digest):
            return
        tick(-file.size)
    _remove(place)
    why = "they differ from what the hub says of the file, twice"
    fix = "try again later, or through another network"
    raise Refusal("checkpoint-broken", f"wrong bytes came for {file.path} of {repository.name}", why, fix)


def _remove(place: Path) -> None:
    """Remove a file from the hub's cache, and the content that it stands for."""
    with contextlib.suppress(OSError):
        place.resolve(strict=True).unlink()
    with contextlib.suppress(OSError):
        place.unlink()


def _sha256(path: Path, tick: Tick) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while content := stream.read(_CHUNK):
            digest.update(content)
            tick(0)
    return digest.hexdigest()


def _fetch(repository: Repository, path: str, tick: Tick | None = None) -> None:
    from huggingface_hub import hf_hub_download

    shown: Mapping[str, Any] = {}
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        shown = {"tqdm_class": _bar(tick)}
    # That the disk is nearly full is found out before, and reported as a problem.
    with filtered("ignore", UserWarning, message="Not enough free disk space"):
        hf_hub_download(
            repository.name, path, revision=repository.commit, cache_dir=cache_folder(), endpoint=_endpoint(), **shown
        )


def _bar(tick: Tick | None) -> type:
    """What huggingface_hub takes for a class of progress bars."""

    class Bar(SilentBar):
        def update(self, count: float | None = 1) -> None:
            if tick is None:
                return
            # The other protocol's own thread calls this, and an error in it ends nothing.
            with contextlib.suppress(StoppedError) if self.of_xet else contextlib.nullcontext():
                tick(int(count or 0))

    return Bar


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint(), library_name="graphflow")


def _endpoint() -> str | None:
    """Where the hub is; huggingface_hub itself looks at the environment only once."""
    return (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None


@contextlib.contextmanager
def _asking(name: str, revision: str) -> Iterator[None]:
    try:
        yield
    except (Refusal, StoppedError):
        raise
    except Exception as error:
        # The errors of the HTTP library have no root in common with those of huggingface_hub.
        raise refusal_of(error, name, revision) from error
