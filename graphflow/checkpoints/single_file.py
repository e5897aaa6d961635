"""Checkpoints that are one .safetensors file: their components as data, and who reads such files.

A component of such a file is the same component as in a folder: its identity is made from its own tensors, with
what the file stores joined or turned taken apart again.
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
        stored: tensor of the file → how it holds the component's tensors; empty for a scheduler or tokenizer.
        names: tensor of the file → what its class calls the tensors that it holds, in the order in which they lie.
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
        """Name and shape of each tensor as its class has it: apart where the file joins them, turned where it does."""
        return [
            (own, self.stored[name].shape_of(tensor.shape))
            for header in self.headers
            for name, tensor in header.tensors.items()
            for own in self.names[name]
        ]

    @property
    def types(self) -> dict[str, str]:
        return {name: one.dtype for header in self.headers for name, one in header.tensors.items()}

    @cached_property
    def weights_digest(self) -> str:
        digests = tensor_digests(self.folder, self.stored)
        pairs = (zip(names, digests[stored], strict=True) for stored, names in self.names.items())
        return weights_digest(chain.from_iterable(pairs))


@dataclass(frozen=True)
class SingleFile:
    """What a single file is.

    Attributes:
        class_name: of the pipeline.
        components: by role, those that are there and those that need no file.
        missing: roles that its family has and the file has not.
        flags: what model_index.json would say of the pipeline itself.
    """

    class_name: str
    components: dict[str, ComponentFiles]
    missing: tuple[str, ...] = ()
    flags: dict[str, bool] = field(default_factory=dict)


def _nothing(_name: str, _shapes: Shapes) -> None:
    return None


@dataclass(frozen=True, eq=False)
class SingleFiles:
    """How single files of a layout are read; families may share it.

    Attributes:
        title: whose files it reads, for messages.
        read: `read(name, path, header)` returns what the file is, or None if it isn't of this layout. Raises `Refusal`
            if it is, and cannot be used.
        explain: `explain(name, shapes)` returns why a file that nobody reads is none of this layout, or None if it
            doesn't know; a refusal without a fix says whose files are read.
    """

    title: str
    read: Callable[[str, Path, Tensors], SingleFile | None]
    explain: Callable[[str, Shapes], Refusal | None] = _nothing


def read_single_file(name: str, path: Path, readers: Iterable[SingleFiles]) -> SingleFile:
    """What a single file is, from its header alone.

    Args:
        name: as written.
        path: a .safetensors file.
        readers: each is asked, in this order.

    Raises:
        Refusal: it is cut off, or no checkpoint that one of them reads; says what it is, if one of them knows.
    """
    header, known = read_header(path), tuple(readers)
    for reader in known:
        if (found := reader.read(name, path, header)) is not None:
            return found
    raise why_unread(name, {key: tensor.shape for key, tensor in header.tensors.items()}, known)


def why_unread(name: str, shapes: Shapes, readers: Iterable[SingleFiles]) -> Refusal:
    """Why none of the readers reads a file."""
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
    """The file is of a family that is not known."""
    return Refusal(
        "checkpoint-unknown", f"{name} belongs to no model family that graphflow reads from a single file", why
    )
