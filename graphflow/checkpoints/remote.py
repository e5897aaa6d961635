"""Components of the hub, and files that are added to them, whose weights are not on this machine yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from graphflow.checkpoints.added_file import AddedFile
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.hub_facts import HubFile, Repository
from graphflow.checkpoints.lora import USUAL_FILE
from graphflow.checkpoints.model_class import Tokenizer
from graphflow.checkpoints.placed import Placed
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.document.refusal import Refusal
from graphflow.values.component import Component
from graphflow.values.latent_space import ALIAS


@dataclass(frozen=True, kw_only=True)
class RemoteFiles(ComponentFiles):
    """A component whose configs are here and whose weights or vocabulary, or some of these files, are not.

    It is known by the digests of its files, an alias of what it is: the same file in two repositories is one component,
    but the same weights in another layout are another one until they are downloaded.

    Attributes:
        repository: the facts of the repository that has it; `folder` is in the repository's folder.
    """

    repository: Repository = field(compare=False, repr=False)

    @cached_property
    def file_names(self) -> tuple[str, ...]:
        return self.repository.names_in(self.folder)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where its weights are in the repository."""
        return tuple(map(self.repository.path_of, self.weights))

    @cached_property
    def headers(self) -> tuple[Tensors, ...]:
        """The headers of its weights, which were requested when the checkpoint was read."""
        return tuple(self.repository.headers[path] for path in self.paths)

    @cached_property
    def weights_digest(self) -> str:
        return _alias(self.repository, self.paths)

    @cached_property
    def vocabulary(self) -> tuple[Path, ...]:
        """The large files of a tokenizer; none of other components."""
        is_tokenizer = self.model is not None and self.model.kind == "tokenizer"
        return self.repository.vocabulary(self.folder) if is_tokenizer else ()

    @cached_property
    def identity(self) -> str:
        if not self.repository.lacking(self.vocabulary):
            return super().identity
        return _alias(self.repository, tuple(self.repository.path_of(self.folder / name) for name in self.file_names))

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        return None if self.repository.lacking(self.vocabulary) else super().tokenizer

    @cached_property
    def faults(self) -> tuple[Refusal, ...]:
        """As of any component; faults of a vocabulary are found only after its download."""
        return () if self.repository.lacking(self.vocabulary) else super().faults

    @property
    def lacking(self) -> tuple[HubFile, ...]:
        """The files that have to be downloaded before it can be loaded."""
        return self.repository.lacking((*self.weights, *self.vocabulary))


@dataclass(frozen=True, kw_only=True)
class RemoteAddedFile(AddedFile):
    """A file that is not on this machine yet.

    Attributes:
        repository: the facts of the repository that has it; `path` is in the repository's folder.
    """

    repository: Repository = field(compare=False, repr=False)

    @cached_property
    def header(self) -> Tensors:
        return self.repository.headers[self.repository.path_of(self.path)]

    @cached_property
    def weights_digest(self) -> str:
        return _alias(self.repository, (self.repository.path_of(self.path),))

    @property
    def lacking(self) -> tuple[HubFile, ...]:
        """The files that have to be downloaded before it can be loaded."""
        return self.repository.lacking((self.path,))


def _alias(repository: Repository, paths: tuple[str, ...]) -> str:
    digests = json.dumps([repository.files[path].digest for path in paths])
    return f"{ALIAS}{hashlib.sha256(digests.encode()).hexdigest()}"


def settled(files: ComponentFiles) -> ComponentFiles:
    """The component as one of this machine, if all its weights are here."""
    if not isinstance(files, RemoteFiles) or files.lacking:
        return files
    return ComponentFiles(
        files.role, files.library, files.class_name, files.folder, files.checkpoint, files.asked, files.model
    )


def lora_of(repository: Repository) -> HubFile | None:
    """The LoRA of a repository that is not a checkpoint; None if it has none, or several."""
    if {"model_index.json", "config.json"}.intersection(repository.files):
        return None
    names = [name for name in repository.files if "/" not in name and name.endswith(".safetensors")]
    usual = [name for name in names if name == USUAL_FILE] or names
    return repository.files[usual[0]] if len(usual) == 1 else None


@dataclass(frozen=True)
class Lacking:
    """A file of the hub that is not on this machine."""

    repository: Repository
    file: HubFile


def lacking(components: Iterable[Component]) -> tuple[Lacking, ...]:
    """The files that have to be downloaded before these components can be loaded, each once."""
    found = {}
    for component in components:
        placed = component.spec
        if not isinstance(placed, Placed):
            continue
        for one in (placed.files, *placed.added):
            if isinstance(one, (RemoteFiles, RemoteAddedFile)):
                repository = one.repository
                known = {(repository.name, repository.commit, file.path): file for file in one.lacking}
                found.update({key: Lacking(repository, file) for key, file in known.items()})
    return tuple(found.values())
