"""Literal values: text, numbers, files, pictures, checkpoints, read as the type that their key declares."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.check.patterns import files_in, matching_files
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.checkpoints.hub import Hub
from graphflow.document.model import Document
from graphflow.document.refusal import Refusal
from graphflow.document.scalars import hint, read_scalar
from graphflow.document.tree import Scalar
from graphflow.errors import FileProblem, InvalidValue
from graphflow.limits import ENTRIES
from graphflow.problems import nearest, shown_path
from graphflow.system.device import CPU, Compute
from graphflow.system.files import irregular
from graphflow.system.paths import path_of
from graphflow.text_helpers.spelling import enough_suggested
from graphflow.text_helpers.words import with_article
from graphflow.values.any_value import describe
from graphflow.values.coerce import NO_TEXT, is_text
from graphflow.values.file import File
from graphflow.values.picture_files import ENDINGS
from graphflow.values.types import PICTURES, SCALARS, Atom, ListOf, Type, Union, Variable


@dataclass(frozen=True)
class Picture:
    """A picture file given for an image or a mask; it is read when its pixels are needed."""

    file: File
    word: str


@dataclass
class Literals:
    """Reads literals and remembers files, so that a file named a thousand times is examined once."""

    catalog: Catalog
    compute: Compute = CPU
    hub: Hub = field(default_factory=lambda: Hub(asks_nothing=True))
    moved: Mapping[Path, Path] = field(default_factory=dict)
    """Path that a document means → the file that is read instead."""
    looked_at_files: bool = False
    """Whether anything but the document decided what was read."""
    _files: dict[Path, File] = field(default_factory=dict)
    _pictures: dict[Path, File] = field(default_factory=dict)

    @cached_property
    def checkpoints(self) -> CheckpointReader:
        """Reads checkpoints; only a graph that names one needs the catalog's families."""
        self.looked_at_files = True
        return CheckpointReader(self.compute, self.catalog.families, self.hub)

    def read(self, scalar: Scalar, text: str, type_: Type, document: Document) -> Any:
        """The value of `text` (the scalar's, with references replaced), read as `type_`.

        Raises:
            Refusal: it is not of this type.
        """
        try:
            if isinstance(type_, ListOf):
                return self._list(scalar, text, type_, document)
            if isinstance(type_, (Union, Variable)):
                return self._first(scalar, text, type_, document)
            return self._atom(scalar, text, type_.word, document)
        except OSError as error:
            # A name that is too long, a folder without access.
            fix = "write the path of a file that exists and is readable"
            raise Refusal("file-missing", f"{describe(text)} cannot be found", str(error.strerror), fix) from error

    def _first(self, scalar: Scalar, text: str, type_: Union | Variable, document: Document) -> Any:
        members = type_.members if isinstance(type_, Union) else type_.options
        refusal = Refusal("type-mismatch", f"{text!r} is not {with_article(str(type_))}")
        for member in members:
            try:
                return self.read(scalar, text, member, document)
            except Refusal as error:
                if isinstance(member, Atom) and member.word in (*SCALARS, *PICTURES, "file", "checkpoint"):
                    refusal = error
        if not members:
            return text
        raise refusal

    def _atom(self, scalar: Scalar, text: str, word: str, document: Document) -> Any:
        if word == "string" and not is_text(text):
            raise Refusal("bad-value", f"{describe(text)} is not text", NO_TEXT, "write it in UTF-8")
        if word in SCALARS:
            try:
                # Most texts have no references to replace.
                return read_scalar(scalar if text == scalar.text else Scalar(text, kind=scalar.kind), word)
            except InvalidValue as error:
                raise Refusal("bad-value", str(error), "", hint(text, word)) from error
        if word == "checkpoint":
            return self.checkpoint(scalar, text, document)
        if word == "file":
            return self._file(self._path(scalar, text, document), text)
        if word in PICTURES:
            return Picture(self._picture(self._path(scalar, text, document), text), word)
        raise Refusal(
            "type-mismatch",
            f"{text!r} is given, but {word} are needed"
            if word == "latents"
            else f"{text!r} is given, but {with_article(word)} is needed",
            "such a value exists only in a run",
            "reference a node's output: $NODE.PORT",
        )

    def checkpoint(self, scalar: Scalar, text: str, document: Document) -> Checkpoint:
        """The checkpoint that `text` names in `document`."""
        return self.checkpoints.read(text, document, scalar.folder or document.folder)

    def _list(self, scalar: Scalar, text: str, type_: ListOf, document: Document) -> tuple[Any, ...]:
        if isinstance(type_.item, Atom) and type_.item.word in (*PICTURES, "file"):
            path = self._path(scalar, text, document)
            if path.is_dir():
                endings = ENDINGS if type_.item.word in PICTURES else ("",)
                return self._many(files_in(path, endings, text), text, type_.item.word, scalar, document)
            if glob.has_magic(text) and not path.exists():
                files = matching_files(self._base(scalar, document), Path(text).expanduser(), text)
                return self._many(files, text, type_.item.word, scalar, document)
        return (self.read(scalar, text, type_.item, document),)

    def _many(self, paths: list[Path], text: str, word: str, scalar: Scalar, document: Document) -> tuple[Any, ...]:
        if not paths:
            pictures = f"a picture's name ends in {', '.join(ENDINGS)}, and does not begin with a dot"
            pattern = glob.has_magic(text) and not self._path(scalar, text, document).is_dir()
            raise Refusal(
                "file-missing",
                f"{text} matches no file" if pattern else f"the folder {text} contains no {word}",
                "" if pattern or word not in PICTURES else pictures,
                fix="name a folder with files, or a pattern such as photos/*.png",
            )
        return tuple(self._atom(scalar, str(path), word, document) for path in paths)

    def _path(self, scalar: Scalar, text: str, document: Document) -> Path:
        self.looked_at_files = True
        path = located(text, self._base(scalar, document))
        return self.moved.get(path, path)

    def _base(self, scalar: Scalar, document: Document) -> Path:
        return scalar.folder or document.folder

    def _file(self, path: Path, text: str) -> File:
        known = self._files.get(path)
        if known is None:
            if not path.is_file():
                raise missing_file(path, text)
            known = self._files[path] = File(path)
        return known

    def _picture(self, path: Path, text: str) -> File:
        known = self._pictures.get(path)
        if known is None:
            known = self._file(path, text)
            try:
                _ = known.picture_size
            except FileProblem as error:
                raise Refusal(error.code, error.message, error.why, error.fix) from error
            self._pictures[path] = known
        return known


def located(text: str, folder: Path, *, code: str = "file-missing") -> Path:
    """The path that `text` means, relative to `folder`; it need not exist.

    Raises:
        Refusal: no file can have this name, or access is denied; its code is `code`.
    """
    try:
        return path_of(text, folder)
    except FileProblem as error:
        raise Refusal(code, error.message, error.why, error.fix) from error


_CAPITAL_REFERENCE = re.compile(r"\$\{?[A-Za-z_]")


def missing_file(path: Path, text: str) -> Refusal:
    """A refusal that suggests the nearest file, or the nearest folder if the folder is missing."""
    if path.is_dir():
        fix = f"name a file in it: {text.rstrip('/')}/NAME"
        return Refusal("file-missing", f"{text} is a folder, not a file", "", fix)
    if path.exists():
        fix = "write the path of a file that exists and is readable"
        kind = irregular(path.stat().st_mode)
        return Refusal("file-unreadable", f"{text} is {kind}, not a file", "", fix)
    message = f"{text} does not exist"
    if _CAPITAL_REFERENCE.match(text):
        fix = "write a reference as $NAME or $NODE.PORT, with lowercase letters, digits and _"
        return Refusal("file-missing", message, "it is read as a file name, because it is not a valid reference", fix)
    missing = path
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    relative = (
        ""
        if Path(text).is_absolute()
        else "paths are relative to the document, or to the current folder if given in the call"
    )
    why = relative if missing == path else f"there is no folder {shown_path(missing)}"
    # A folder may contain a million files, and reading them for each of a thousand names would take long.
    there = () if enough_suggested() else islice(missing.parent.iterdir(), ENTRIES)
    close = nearest(missing.name, sorted(entry.name for entry in there if missing == path or entry.is_dir()))
    if close is None:
        return Refusal("file-missing", message, why, "write the path of an existing file")
    # The parts of the written path are the last parts of the full path.
    after = len(path.parts) - len(missing.parts)
    parts = list(Path(text).parts)
    parts[len(parts) - 1 - after] = close
    return Refusal("file-missing", message, why, f"did you mean {Path(*parts).as_posix()}?")
