"""Requests to the hub, all made by huggingface_hub, which is imported when the first one is needed.

A token comes from where huggingface_hub finds it, and stays there.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphflow.checkpoints.download_bar import SilentBar
from graphflow.checkpoints.hub_cache import cache_folder, remember_commit, reuse_content
from graphflow.checkpoints.hub_errors import refusal_of
from graphflow.checkpoints.hub_facts import NOT_READ, HubFile, Repository
from graphflow.checkpoints.reading import read_json
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.document.refusal import Refusal
from graphflow.system.warning_filters import filtered

_THREADS = 8
_FIRST_REQUEST = 2**14
"""Bytes of the first request of a header."""
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
        info = _api().model_info(name, revision=revision, files_metadata=True, timeout=_TIMEOUT)
        files = [_file(one) for one in info.siblings or ()]
        return Repository(name, str(info.sha), {one.path: one for one in files})


def _file(info: Any) -> HubFile:
    digest = None if info.lfs is None else info.lfs["sha256"]
    return HubFile(info.rfilename, info.size or 0, digest or info.blob_id or "", digest is not None)


def download_small_files(repository: Repository, revision: str) -> None:
    """Download the configs and the model card of a checkpoint, as far as they are not here.

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
        small = [one.path for one in repository.small_files(roles)]
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(lambda path: _fetch(repository, path), small))
        remember_commit(f"{repository.name}@{revision}", repository.commit)


def has_small_files(repository: Repository) -> bool:
    """Whether this machine has them all."""
    index = repository.folder / "model_index.json"
    if "model_index.json" not in repository.files:
        return all(map(repository.has, repository.small_files(())))
    try:
        return index.is_file() and all(map(repository.has, repository.small_files(_roles(index))))
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
    with _asking(repository.name, repository.commit), ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(lambda path: _header(repository, path), paths))
    return replace(repository, headers={**repository.headers, **dict(zip(paths, found, strict=True))})


def _header(repository: Repository, path: str) -> Tensors:
    try:
        return Tensors.read(_FirstBytes(repository, path).read, repository.files[path].size)
    except ValueError as error:
        message = f"{path} of {repository.name} is not a complete safetensors file"
        raise Refusal("checkpoint-broken", message, str(error), "name another checkpoint") from error


class _FirstBytes:
    """The beginning of a file of the hub, requested as far as it is read.

    huggingface_hub's own function requests 100,000 bytes of each file at least; most headers are far shorter.
    """

    def __init__(self, repository: Repository, path: str) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        self._repository = repository
        self._url = hf_hub_url(repository.name, path, revision=repository.commit, endpoint=_endpoint())
        self._headers = build_hf_headers(library_name="graphflow")
        self._have, self._read = b"", 0

    def read(self, count: int) -> bytes:
        """The next bytes; fewer at the end of the file.

        Raises:
            Refusal: the hub does not give them.
        """
        first, self._read = self._read, self._read + count
        if len(self._have) < self._read:
            # Errors of the connection may be ValueErrors, as those of a damaged header are.
            with _asking(self._repository.name, self._repository.commit):
                self._have += self._requested(len(self._have), max(self._read, _FIRST_REQUEST))
        return self._have[first : self._read]

    def _requested(self, start: int, end: int) -> bytes:
        from huggingface_hub import get_session, hf_raise_for_status

        headers = {**self._headers, "range": f"bytes={start}-{end - 1}"}
        response = get_session().get(self._url, headers=headers, timeout=_TIMEOUT)
        hf_raise_for_status(response)
        return bytes(response.content)


def download(repository: Repository, file: HubFile, tick: Tick) -> None:
    """Download a file into the hub's cache, and compare it with the hub's sha256; it is tried twice.

    A file that another repository has on this machine is not downloaded again.

    Args:
        repository: that has the file.
        file: of it.
        tick: called with the number of bytes that have arrived; its exceptions end the download.

    Raises:
        Refusal: the file cannot be read or stored, or its sha256 is not the hub's.
    """
    place = repository.folder / file.path
    for attempt in range(2):
        _remove(place)
        if file.verified and not attempt:
            reuse_content(repository.name, file.digest)
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
    # The check for disk space before the downloads already reports this as a problem.
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
