"""Checkpoints in a single .safetensors file: their components as data, and the readers of such files.

A component of such a file has the same identity as in a folder: it is computed from its own tensors, and those that the
file stores joined or transposed are converted first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import Shape
from graphflow.checkpoints.reading import read_header
from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.tensor_storage import Stored
from graphflow.checkpoints.weights_digest import tensor_digests, weights_digest
from graphflow.document.refusal import Refusal
from graphflow.system.files import read_only

Shapes: TypeAlias = Mapping[str, Shape]
"""Name of a tensor → its shape."""

FOLDER_FIX = "name a folder in diffusers' layout, whose config.json files contain its sizes"


@dataclass(frozen=True, kw_only=True)
class FilePart(ComponentFiles):
    """A component of a single file; `folder` is that file.

    Attributes:
        settings: its config.
        stored: tensor of the file → how it stores tensors of the component; empty for a scheduler or tokenizer.
        names: tensor of the file → names of the component's tensors that it contains, in the order in the file.
    """

    settings: Mapping[str, Any]
    stored: Mapping[str, Stored] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def config(self) -> dict[str, Any]:
        return read_only(dict(self.settings))

    @cached_property
    def variants(self) -> dict[str, tuple[Path, ...]]:
        return {"": (self.folder,)} if self.stored else {}

    @cached_property
    def headers(self) -> tuple[Tensors, ...]:
        whole = read_header(self.folder)
        own = {name: whole.tensors[name] for name in self.stored}
        return (Tensors(own, whole.offset),) if own else ()

    @property
    def shapes(self) -> list[tuple[str, Shape]]:
        """Name and shape of each tensor in the component, in which joined and transposed tensors are converted."""
        return [
            (own, self.stored[name].shape_of(tensor.shape))
            for header in self.headers
            for name, tensor in header.tensors.items()
            for own in self.names[name]
        ]

    @property
    def types(self) -> dict[str, str]:
        return {name: tensor.dtype for header in self.headers for name, tensor in header.tensors.items()}

    @cached_property
    def weights_digest(self) -> str:
        digests = tensor_digests(self.folder, self.stored)
        pairs = (zip(names, digests[stored], strict=True) for stored, names in self.names.items())
        return weights_digest(chain.from_iterable(pairs))


@dataclass(frozen=True)
class SingleFile:
    """The checkpoint, or the only model, in a single file.

    Attributes:
        class_name: class of the pipeline or the model.
        components: role → component, for those in the file and those without weights; a single model has the role "".
        missing: roles of the family's components that the file does not have.
        flags: settings of the pipeline, as in a model_index.json.
    """

    class_name: str
    components: dict[str, ComponentFiles]
    missing: tuple[str, ...] = ()
    flags: dict[str, bool] = field(default_factory=dict)


def _nothing(_name: str, _shapes: Shapes) -> None:
    return None


@dataclass(frozen=True, eq=False)
class SingleFiles:
    """The reader of single files in one layout; several families can share it.

    Attributes:
        title: the families whose files it reads, for messages.
        read: `read(name, path, header)` returns the checkpoint, or None if the file does not have this layout. Raises
            `Refusal` if it does, but cannot be used.
        explain: `explain(name, shapes)` returns the reason why a file is not read, or None if the reason is unknown;
            if the refusal has no fix, the families whose files can be read are named instead.
    """

    title: str
    read: Callable[[str, Path, Tensors], SingleFile | None]
    explain: Callable[[str, Shapes], Refusal | None] = _nothing


def read_single_file(name: str, path: Path, readers: Iterable[SingleFiles]) -> SingleFile:
    """Identify a checkpoint in a single file by its header.

    Args:
        name: the name as written.
        path: a .safetensors file.
        readers: the readers, in the order in which they are tried.

    Raises:
        Refusal: the file is truncated, or no reader can read it; the message says what it is instead, if that is known.
    """
    header, known = read_header(path), tuple(readers)
    for reader in known:
        if (file := reader.read(name, path, header)) is not None:
            return file
    raise why_unread(name, {key: tensor.shape for key, tensor in header.tensors.items()}, known)


def why_unread(name: str, shapes: Shapes, readers: Iterable[SingleFiles]) -> Refusal:
    """The refusal of a file that no reader can read, with the reason."""
    known = tuple(readers)
    first = next(iter(shapes), None)
    refusal = next(filter(None, (reader.explain(name, shapes) for reader in known)), None) or unknown(
        name, f"its first tensor is {first}" if first else "it holds no tensor"
    )
    if not refusal.fix:
        titles = ", ".join(reader.title for reader in known)
        refusal.fix = f"single files are supported for {titles}; {FOLDER_FIX}" if titles else FOLDER_FIX
    return refusal


def unknown(name: str, why: str) -> Refusal:
    """The refusal of a file whose family is not known."""
    return Refusal(
        "checkpoint-unknown", f"{name} belongs to no model family that graphflow reads from a single file", why
    )
