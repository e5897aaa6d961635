"""What is known of a repository of the hub without its weights: its files, and the headers of its weight files."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from graphflow.checkpoints.hub_cache import snapshot_folder
from graphflow.checkpoints.safetensors_header import Tensor, Tensors
from graphflow.system.cache_folder import cache_folder
from graphflow.system.files import read_regular, write_atomically

NOT_READ = ("safety_checker", "feature_extractor")
"""Parts of pipelines that are never read."""

_KIND = "graphflow-hub-1"

_SETTINGS = (".json", ".txt", ".model")
_MOST = 2**18
"""Bytes of the largest of these files that is read before a run; larger ones are vocabularies, or indexes of shards."""
_CARD, _MOST_OF_CARD = "README.md", 2**20


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Attributes:
        path: in the repository, with slashes.
        size: bytes.
        digest: sha256 of the file if the hub says it, as it does of weights; else the hub's own name of its content.
        verified: whether `digest` is the file's sha256.
    """

    path: str
    size: int
    digest: str
    verified: bool


@dataclass(frozen=True)
class Repository:
    """The facts of a repository at one commit.

    Attributes:
        name: `owner/name`.
        commit: 40 hexadecimal digits.
        files: path → file, all of them.
        headers: path of a weight file → its header, of those that have been read.
    """

    name: str
    commit: str
    files: Mapping[str, HubFile]
    headers: Mapping[str, Tensors] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files are when they have been downloaded."""
        return snapshot_folder(self.name, self.commit)

    def names_in(self, folder: Path) -> tuple[str, ...]:
        """Names of the files in `folder`, a folder of the repository as it is on this machine; sorted."""
        before = self.path_of(folder / "-")[:-1]
        inside = (path.removeprefix(before) for path in self.files if path.startswith(before))
        return tuple(sorted(name for name in inside if "/" not in name))

    def path_of(self, file: Path) -> str:
        """The path in the repository of a file on this machine, which need not exist."""
        return file.relative_to(self.folder).as_posix()

    def has(self, file: HubFile) -> bool:
        """Whether this machine has a file, as far as its size shows."""
        try:
            return (self.folder / file.path).stat().st_size == file.size
        except OSError:
            return False

    def small_files(self, roles: Iterable[str]) -> list[HubFile]:
        """The files that `check` reads of a checkpoint with these parts: configs, small vocabularies, model card."""
        known, found = {".", *roles}, []
        for file in self.files.values():
            path = PurePosixPath(file.path)
            is_setting = str(path.parent) in known and path.suffix in _SETTINGS and file.size <= _MOST
            if is_setting or (file.path == _CARD and file.size <= _MOST_OF_CARD):
                found.append(file)
        return found

    def vocabulary(self, folder: Path) -> tuple[Path, ...]:
        """The files of a tokenizer that are not among the small ones; `folder` is as in `names_in`."""
        paths = [folder / name for name in self.names_in(folder) if name.endswith(_SETTINGS)]
        return tuple(path for path in paths if self.files[self.path_of(path)].size > _MOST)

    def lacking(self, paths: Iterable[Path]) -> tuple[HubFile, ...]:
        """Those of these files that this machine does not have."""
        files = (self.files[self.path_of(path)] for path in paths)
        return tuple(file for file in files if not self.has(file))


def remembered(name: str, commit: str) -> Repository | None:
    """The facts that `remember` was given; None if there are none, or they are damaged."""
    try:
        first, _, body = read_regular(_place(name, commit)).partition(b"\n")
        if first.decode("ascii") != f"{_KIND} {hashlib.sha256(body).hexdigest()}":
            return None
        facts = json.loads(body)
        files = {path: HubFile(path, *rest) for path, rest in facts["files"].items()}
        headers = {path: _header(*one) for path, one in facts["headers"].items()}
        found = Repository(facts["name"], facts["commit"], files, headers)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return found if (found.name, found.commit) == (name, commit) else None


def remember(repository: Repository) -> None:
    """Keep facts for a later process; a folder that cannot be written to costs time and nothing else."""
    facts = {
        "name": repository.name,
        "commit": repository.commit,
        "files": {one.path: [one.size, one.digest, one.verified] for one in repository.files.values()},
        "headers": {path: _header_facts(header) for path, header in repository.headers.items()},
    }
    body = json.dumps(facts).encode()
    place = _place(repository.name, repository.commit)
    # Whatever goes wrong here, the facts themselves are known.
    with contextlib.suppress(Exception):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, f"{_KIND} {hashlib.sha256(body).hexdigest()}\n".encode() + body)


def _place(name: str, commit: str) -> Path:
    return cache_folder() / "hub" / name.replace("/", "--") / f"{commit}.json"


def _header_facts(header: Tensors) -> list[Any]:
    tensors = {name: [one.dtype, one.shape, one.start, one.end] for name, one in header.tensors.items()}
    return [tensors, header.offset, dict(header.metadata)]


def _header(tensors: Mapping[str, Any], offset: int, metadata: Mapping[str, str]) -> Tensors:
    return Tensors(
        {name: Tensor(dtype, tuple(shape), start, end) for name, (dtype, shape, start, end) in tensors.items()},
        offset,
        metadata,
    )
