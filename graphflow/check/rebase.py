"""Rebase: rewrite a document's relative paths so that they mean the same files from another folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from graphflow.catalog.catalog import Catalog
from graphflow.check.read.templates import Library
from graphflow.document.model import CheckpointDecl, Document, InputDecl, NodeDecl
from graphflow.document.parse import read_file
from graphflow.document.text import Reference, write_text
from graphflow.document.tree import Entry, Scalar, Sequence, Tree
from graphflow.document.tree import Mapping as MapTree
from graphflow.system.files import is_there
from graphflow.text_helpers.words import json_text
from graphflow.values.types import CHECKPOINT, PICTURES, Type, item_of, member_for

_FILES = (*PICTURES, "file")


Placed: TypeAlias = Callable[[Path], str | None]
"""From a file's absolute path to its name in the new document; None for the path relative to the new folder."""


def rebase(
    document: Document, folder: Path, catalog: Catalog, library: Library, placed: Placed = lambda _: None
) -> Document:
    """The document as it must be written in `folder`.

    Args:
        document: with paths relative to `document.folder`, or to a scalar's own folder.
        folder: where it will be written; absolute.
        catalog: says which params and ports are files.
        library: templates known by name, whose inputs may be files.
        placed: names files that the new document finds elsewhere, such as copies.
    """
    return dataclasses.replace(_moved(document, _Mover(document, folder, catalog, library, placed)), folder=folder)


def in_own_folder(document: Document, catalog: Catalog, library: Library) -> Document:
    """The document with every path relative to its folder, also those of a call, which start at the current folder."""
    folder = document.folder.absolute()
    if all(scalar.folder is None or scalar.folder.absolute() == folder for scalar in _scalars(document)):
        return document
    return rebase(document, folder, catalog, library)


def absolute(document: Document, catalog: Catalog, library: Library) -> Document:
    """The document with absolute paths, so that documents with the same files are equal, wherever they are."""
    return _moved(document, _Mover(document, None, catalog, library, lambda _: None))


def _moved(document: Document, mover: _Mover) -> Document:
    folder = document.folder if mover.folder is None else mover.folder
    templates = {
        name: dataclasses.replace(_moved(inner, mover.inside(inner)), folder=folder)
        for name, inner in document.templates.items()
    }
    return dataclasses.replace(
        document,
        inputs={name: mover.input(decl) for name, decl in document.inputs.items()},
        checkpoints={name: mover.checkpoint(decl) for name, decl in document.checkpoints.items()},
        templates=templates,
        nodes={name: mover.node(decl) for name, decl in document.nodes.items()},
    )


def rebased_text(
    text: str, document: Document, folder: Path, catalog: Catalog, library: Library, placed: Placed = lambda _: None
) -> str:
    """The YAML text with only its paths rewritten; comments, order and style are kept.

    Args:
        text: the text of `document`.
    """
    moved = rebase(document, folder, catalog, library, placed)
    changed = {
        (old.place.line, old.place.column): new.text
        for old, new in zip(_scalars(document), _scalars(moved), strict=True)
        if old.text != new.text and old.place.line
    }
    pieces = []
    end = 0
    for parsed in yaml.parse(text, Loader=yaml.SafeLoader):
        event: Any = parsed
        where = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(parsed, yaml.ScalarEvent) and where in changed:
            anchor = f"&{event.anchor} " if event.anchor else ""
            pieces += [text[end : event.start_mark.index], anchor + json_text(changed[where])]
            end = event.end_mark.index
    return "".join([*pieces, text[end:]])


def _scalars(document: Document) -> list[Scalar]:
    """Every scalar that can be a path, in the same order for a document and its rebased form."""
    pending: list[Tree | None] = [decl.default for decl in document.inputs.values()]
    inner = [scalar for template in document.templates.values() for scalar in _scalars(template)]
    pending += [decl.details for decl in document.checkpoints.values()]
    for decl in document.nodes.values():
        pending += [decl.ref, decl.for_each, *(entry.value for entry in decl.values.values())]
    scalars: list[Scalar] = []
    while pending:
        tree = pending.pop()
        if isinstance(tree, Scalar):
            scalars.append(tree)
        elif isinstance(tree, Sequence):
            pending += tree.items
        elif tree is not None:
            pending += [entry.value for entry in tree.entries.values()]
    return scalars + inner


def _types_of(template: Document) -> dict[str, Type]:
    return {name: decl.type for name, decl in template.inputs.items() if decl.type is not None}


class _Mover:
    """Makes one document's paths relative to `folder`, or absolute if it is None."""

    def __init__(
        self, document: Document, folder: Path | None, catalog: Catalog, library: Library, placed: Placed
    ) -> None:
        self.document, self.folder, self.catalog, self.library = document, folder, catalog, library
        self.placed = placed

    def inside(self, template: Document) -> _Mover:
        """The mover for a template of the document."""
        return _Mover(template, self.folder, self.catalog, self.library, self.placed)

    def input(self, decl: InputDecl) -> InputDecl:
        if decl.default is None or decl.type is None:
            return decl
        return dataclasses.replace(decl, default=self._tree(decl.default, decl.type, plain=True))

    def checkpoint(self, decl: CheckpointDecl) -> CheckpointDecl:
        source = self._scalar(decl.source, CHECKPOINT, plain=True)
        old = decl.details.entries
        entries = {**old, "source": Entry(source, old["source"].place)}
        for key in ("components", "prior", "loras", "embeddings"):
            if key in entries:
                entries[key] = Entry(self._part(old[key].value, CHECKPOINT), old[key].place)
        return dataclasses.replace(decl, source=source, details=MapTree(entries, decl.details.place))

    def _part(self, tree: Tree, type_: Type) -> Tree:
        """A detail with its paths moved: one, several, or a map of them; other values are not changed."""
        if isinstance(tree, Sequence):
            return dataclasses.replace(tree, items=tuple(self._part(item, type_) for item in tree.items))
        if isinstance(tree, MapTree):
            moved = {
                key: entry if key in ("scale", "token") else Entry(self._part(entry.value, type_), entry.place)
                for key, entry in tree.entries.items()
            }
            return MapTree(moved, tree.place)
        return self._scalar(tree, type_, plain=True)

    def node(self, decl: NodeDecl) -> NodeDecl:
        types, ref = self._types(decl)
        values = {
            key: Entry(self._tree(entry.value, types[key]), entry.place) if key in types else entry
            for key, entry in decl.values.items()
        }
        return dataclasses.replace(decl, ref=ref, values=values, for_each=self._each(decl.for_each, types))

    def _types(self, decl: NodeDecl) -> tuple[Mapping[str, Type], Scalar]:
        """The type of every key that can be a path, and the reference to the type or template."""
        if decl.kind == "type":
            if decl.ref.text not in self.catalog:
                return {}, decl.ref
            type_ = self.catalog[decl.ref.text]
            ports = {port.name: port.type for port in type_.ports.values()}
            return ports | {param.name: param.type for param in type_.params.values()}, decl.ref
        text = decl.ref.text
        if text in self.document.templates:
            return _types_of(self.document.templates[text]), decl.ref
        is_path = text.endswith((".yaml", ".yml")) or "/" in text
        given = Path(text).expanduser() if text.startswith("~/") else Path(text)
        path = (self._base(decl.ref) / given) if is_path else self.library().get(text)
        ref = dataclasses.replace(decl.ref, text=self._template(decl.ref), folder=None) if is_path else decl.ref
        template = read_file(path)[0] if path is not None and is_there(path) and path.is_file() else None
        return _types_of(template) if template is not None else {}, ref

    def _template(self, ref: Scalar) -> str:
        moved = self._path(ref, ref.text)
        return moved if moved.endswith((".yaml", ".yml")) or "/" in moved else f"./{moved}"

    def _each(self, tree: Tree | None, types: Mapping[str, Type]) -> Tree | None:
        if isinstance(tree, Sequence):
            items = tuple(moved for item in tree.items if (moved := self._each(item, types)) is not None)
            return Sequence(items, tree.place)
        if isinstance(tree, MapTree):
            entries = {
                key: Entry(self._tree(entry.value, types[key]), entry.place) if key in types else entry
                for key, entry in tree.entries.items()
            }
            return MapTree(entries, tree.place)
        return tree

    def _tree(self, tree: Tree, type_: Type, *, plain: bool = False) -> Tree:
        if isinstance(tree, Scalar):
            return self._scalar(tree, type_, plain=plain)
        if isinstance(tree, Sequence):
            return Sequence(tuple(self._tree(item, type_, plain=plain) for item in tree.items), tree.place)
        return tree

    def _scalar(self, scalar: Scalar, type_: Type, *, plain: bool) -> Scalar:
        """The scalar with its path moved; with `plain`, a dollar in it is not a reference."""
        item = item_of(type_)
        parts = (scalar.text,) if plain else scalar.parts
        if not parts or isinstance(parts[0], Reference) or not parts[0]:
            return scalar
        is_checkpoint = member_for(item, ("checkpoint",)) is not None
        if member_for(item, _FILES) is None and not is_checkpoint:
            return scalar
        head, tail = parts[0], parts[1:]
        if head.startswith("~"):
            return scalar
        # Of "photos/$name.png", only the folder in front of the reference is known.
        cut = head.rfind("/") + 1 if tail else len(head)
        if is_checkpoint and not self._is_path(scalar, head[:cut]):
            return scalar
        moved = self._in_folder(scalar, head[:cut]) + head[cut:] if tail else self._path(scalar, head)
        # Otherwise it would be read as a reference, a home folder, or the name of a checkpoint or repository.
        named = is_checkpoint and not moved.startswith(("./", "../", "/"))
        if not moved or (moved != head and (named or moved.startswith("~"))):
            moved = f"./{moved}"
        return dataclasses.replace(scalar, text=moved if plain else write_text((moved, *tail)), folder=None)

    def _base(self, scalar: Scalar) -> Path:
        return scalar.folder or self.document.folder

    def _is_path(self, scalar: Scalar, text: str) -> bool:
        """Whether the name of a checkpoint is a path, not a name in the document, of the hub, or embedded."""
        if text in self.document.checkpoints or text.startswith("embedded/"):
            return False
        return text.startswith(("./", "../")) or is_there(self._base(scalar) / text)

    def _in_folder(self, scalar: Scalar, text: str) -> str:
        """The moved folder in front of a file's name: empty, or with a slash at its end."""
        moved = self._path(scalar, text or ".")
        return "" if moved == "." else moved.rstrip("/") + "/"

    def _path(self, scalar: Scalar, text: str) -> str:
        """A path relative to the new folder; absolute if there is none."""
        old, path = self._base(scalar).absolute(), Path(text)
        if text.startswith("~"):
            return text
        if self.folder is None:
            return Path(os.path.normpath(old / path)).as_posix()
        name = self.placed(old / path)
        if name is not None:
            return name
        if path.is_absolute() or old == self.folder.absolute():
            return text
        moved = Path(os.path.relpath(old / path, self.folder)).as_posix()
        return f"./{moved}" if text.startswith("./") and not moved.startswith((".", "/")) else moved
