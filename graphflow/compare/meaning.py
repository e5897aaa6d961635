"""The meanings of a document's values, as Python values that are equal if the meanings are.

Formatting, order of keys, comments and quotes don't count. Numbers are read as the type that their key declares. A file
stands for its bytes, if it exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import MISSING
from graphflow.document.model import Document, NodeDecl
from graphflow.document.parse import read_file
from graphflow.document.scalars import read_scalar
from graphflow.document.text import Reference
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.document.write import write
from graphflow.errors import FileProblem, InvalidValue
from graphflow.system.files import open_regular
from graphflow.system.paths import path_of
from graphflow.values.types import BOOL, CHECKPOINT, INT, PICTURES, SCALARS, ListOf, Type, item_of, member_for

_FILES = (*PICTURES, "file")
_OPTIONS: Mapping[str, Any] = {"when": True, "cache": True}
"""Option of a node → its value if it is not given."""
_OPTION_TYPES: Mapping[str, Type] = {"when": BOOL, "cache": BOOL, "run_seed": INT}


@dataclass
class Meaning:
    """Reads the values of one document.

    Attributes:
        document: whose values are read.
        catalog: the types of nodes.
        renamed: name of an input, node or checkpoint → its name in the other document.
    """

    document: Document
    catalog: Catalog
    renamed: dict[str, str] = field(default_factory=dict)
    _digests: dict[Path, str] = field(default_factory=dict)

    def keys(self, node: NodeDecl) -> dict[str, Any]:
        """Key → meaning of every value of a node; a value that is the default of its key is left out."""
        types = self.types(node)
        found = {key: self.value(entry.value, types.get(key)) for key, entry in node.values.items()}
        for option, tree in node.options.items():
            type_ = _OPTION_TYPES.get(option)
            found[option] = self._each(tree, types) if option == "for_each" else self.value(tree, type_)
        defaults = {**_OPTIONS, **self._defaults(node)}
        return {key: value for key, value in found.items() if key not in defaults or value != plain(defaults[key])}

    def kind(self, node: NodeDecl) -> tuple[str, Any]:
        """The node's type, or the content of its template; for a template inside the document, only its name."""
        if self._is_inside(node):
            return node.kind, ("inside", node.ref.text)
        path = self._template(node) if node.kind == "template" else None
        if path is None:
            return node.kind, node.ref.text
        document, _ = read_file(path)
        return node.kind, write(document) if document is not None else str(path)

    def types(self, node: NodeDecl) -> Mapping[str, Type]:
        """The types of a node's keys, as far as they are known."""
        if node.kind == "type":
            if node.ref.text not in self.catalog:
                return {}
            type_ = self.catalog[node.ref.text]
            params = {param.name: param.type for param in type_.params.values()}
            return {port.name: port.type for port in type_.ports.values()} | params
        if self._is_inside(node):
            document: Document | None = self.document.templates[node.ref.text]
        else:
            path = self._template(node)
            document = None if path is None else read_file(path)[0]
        inputs = {} if document is None else document.inputs
        return {name: decl.type for name, decl in inputs.items() if decl.type is not None}

    def value(self, tree: Tree | None, type_: Type | None = None, *, literal: bool = False) -> Any:
        """The meaning of a value.

        Args:
            tree: as written.
            type_: of its key, if it is known.
            literal: whether a dollar in it is only a dollar.
        """
        if tree is None:
            return None
        if isinstance(tree, Sequence):
            item = None if type_ is None else item_of(type_)
            return "list", tuple(self.value(one, item, literal=literal) for one in tree.items)
        if not isinstance(tree, Scalar):
            entries = {key: self.value(entry.value, literal=literal) for key, entry in tree.entries.items()}
            return "map", tuple(sorted(entries.items(), key=lambda entry: entry[0]))
        parts: tuple[str | Reference, ...] = (tree.text,) if literal else tree.parts or ("",)
        if any(isinstance(part, Reference) for part in parts):
            return "text", tuple(part if isinstance(part, str) else self._reference(part) for part in parts)
        return self._plain(tree, str(parts[0]), type_)

    def _plain(self, tree: Scalar, text: str, type_: Type | None) -> Any:
        if isinstance(type_, ListOf):
            return "list", (self._plain(tree, text, type_.item),)
        if type_ is None:
            return plain(text)
        if member_for(type_, _FILES) is not None:
            return "file", self._file(tree, text)
        if member_for(type_, ("checkpoint",)) is not None:
            return "checkpoint", self._checkpoint(tree, text)
        word = member_for(type_, SCALARS)
        try:
            return plain(text if word is None else read_scalar(Scalar(text, kind=tree.kind), word.word))
        except InvalidValue:
            return plain(text)

    def _reference(self, reference: Reference) -> tuple[str, str, int | None]:
        """A reference, by the name in the other document; without a port, it means the node's first output."""
        node, port = self.document.nodes.get(reference.name), reference.port
        if node is not None and port is None and node.kind == "type" and node.ref.text in self.catalog:
            port = next(iter(self.catalog[node.ref.text].outputs), None)
        return self.renamed.get(reference.name, reference.name), port or "", reference.item

    def _each(self, tree: Tree, types: Mapping[str, Type]) -> Any:
        """The meaning of a `for_each`, in which order counts."""
        if isinstance(tree, Sequence):
            return tuple(self._each(item, types) for item in tree.items)
        if isinstance(tree, Scalar):
            return self.value(tree)
        return tuple((key, self.value(entry.value, types.get(key))) for key, entry in tree.entries.items())

    def _defaults(self, node: NodeDecl) -> dict[str, Any]:
        if node.kind != "type" or node.ref.text not in self.catalog:
            return {}
        params = self.catalog[node.ref.text].params.values()
        return {param.name: param.default for param in params if param.default not in (MISSING, None)}

    def _file(self, scalar: Scalar, text: str) -> str:
        """The digest of a file; the path of a folder, the text of anything else."""
        path = self._path(scalar, text)
        if path is None or not path.exists():
            return text
        return self._digest(path) if path.is_file() else str(path.resolve())

    def _checkpoint(self, scalar: Scalar, text: str) -> str:
        if text in self.document.checkpoints:
            return self.renamed.get(text, text)
        path = None if text.startswith("embedded/") else self._path(scalar, text)
        return str(path.resolve()) if path is not None and path.exists() else text

    def _is_inside(self, node: NodeDecl) -> bool:
        """Whether the node's template is written in the document itself."""
        return node.kind == "template" and node.ref.text in self.document.templates

    def _template(self, node: NodeDecl) -> Path | None:
        text = node.ref.text
        if not text.endswith((".yaml", ".yml")) and "/" not in text:
            return library.templates().get(text)
        path = self._path(node.ref, text)
        return path if path is not None and path.is_file() else None

    def _path(self, scalar: Scalar, text: str) -> Path | None:
        try:
            return path_of(text, scalar.folder or self.document.folder)
        except FileProblem:
            return None

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            try:
                with open_regular(path) as stream:
                    self._digests[path] = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError:
                self._digests[path] = str(path)
        return self._digests[path]

    def source(self, name: str) -> Any:
        """The meaning of a checkpoint's entry."""
        details = self.document.checkpoints[name].details.entries
        paths = {"source": CHECKPOINT, "prior": CHECKPOINT}
        return {key: self.value(entry.value, paths.get(key), literal=True) for key, entry in details.items()}


def plain(value: Any) -> Any:
    """The meaning of a value that needs no document."""
    if isinstance(value, (list, tuple)):
        return "list", tuple(map(plain, value))
    # True equals 1 in Python.
    return ("bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"), value
