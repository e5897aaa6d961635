"""The files that a recorded run read: where they are now, and whether they still have the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from graphflow import library
from graphflow.compare.differences import Difference
from graphflow.errors import FileProblem
from graphflow.limits import FILES
from graphflow.problems import shown_path
from graphflow.record.folder_claim import digest_of_file
from graphflow.record.home_paths import from_home
from graphflow.record.run_record import RunRecord
from graphflow.system.files import is_there

LARGEST = 2**28
"""Bytes of a file; larger ones are found by name only, since reading many takes long."""

State = Literal["same", "moved", "changed", "missing"]


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that the run read.

    Attributes:
        recorded: its path in the record.
        state: `same`: it is where it was; `moved`: a file with its bytes is elsewhere; `changed`: only a file with
            other bytes is there; `missing`: there is none.
        path: the file as it is now; for a missing one, where it was.
    """

    recorded: str
    state: State
    path: Path

    @property
    def readable(self) -> bool:
        """Whether the bytes that the run read are on this machine."""
        return self.state in ("same", "moved")


def find_files(record: RunRecord, beside: Path, folders: Sequence[Path] = ()) -> list[RecordedFile]:
    """The files that a run read, each once.

    A file is looked for where it was, then by name in each folder, then by its bytes among the files of `folders`.

    Args:
        record: the record of the run.
        beside: the folder of the record.
        folders: where else to look; a file among them stands for itself.

    Raises:
        FileProblem: one of the folders does not exist.
    """
    if missing := next((folder for folder in folders if not is_there(folder)), None):
        raise FileProblem(f"there is no file or folder {shown_path(missing)} to look in", "file-missing")
    search = _Search(beside, folders)
    return [search.find(path, digest) for path, digest in dict(_files_in(_values(record))).items()]


def require_files(files: Sequence[RecordedFile], folders: Sequence[Path]) -> None:
    """Refuse a run for which a file is missing or changed.

    Raises:
        FileProblem: the message names all such files.
    """
    looked = ", ".join(dict.fromkeys(shown_path(folder) for folder in folders))
    problems = []
    for file in files:
        if file.state == "missing":
            problems.append(f"{file.recorded}, which the run read, does not exist")
        elif file.state == "changed":
            problems.append(f"{shown_path(file.path)} has other bytes than {file.recorded}, which the run read")
    if problems:
        why = f"no file with its bytes is in {looked}" if looked else ""
        fix = "get the file that the run read, and name its folder with --inputs DIR (in Python: look_in=[…])"
        raise FileProblem("\n".join(problems), "file-missing", why=why, fix=fix)


def file_differences(files: Sequence[RecordedFile]) -> Iterator[Difference]:
    """The differences of the files that a run read."""
    for file in files:
        if file.state == "moved":
            yield Difference("input file", file.recorded, str(file.path), False, "it has the same bytes")
        elif file.state == "changed":
            yield Difference("input file", file.recorded, f"{file.path}, with other bytes")
        elif file.state == "missing":
            yield Difference("input file", file.recorded, "missing")


def _values(record: RunRecord) -> Iterator[Any]:
    yield from record.inputs.values()
    for node in record.nodes:
        yield from node.params.values()
        yield from node.inputs.values()


def _files_in(values: Iterator[Any]) -> Iterator[tuple[str, str]]:
    """Path and digest of every file among recorded values."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict) and value.get("kind") == "file":
            yield str(value.get("path", "")), str(value.get("sha256", ""))
        elif isinstance(value, dict):
            pending += [part for part in value.values() if isinstance(part, (dict, list))]


def in_library(recorded: Path) -> Path | None:
    """The path in this installation of a path in the library of another one; None for any other path."""
    if library.PACKAGE not in recorded.parts:
        return None
    return library.folder().joinpath(*recorded.parts[recorded.parts.index(library.PACKAGE) + 1 :])


class _Search:
    """Looks for files in folders, and remembers the digests of those that the caller names."""

    def __init__(self, beside: Path, folders: Sequence[Path]) -> None:
        self._beside = beside
        self._folders = folders
        self._by_digest: dict[str, Path] | None = None

    def find(self, recorded: str, digest: str) -> RecordedFile:
        old = from_home(recorded)
        candidates = (old, in_library(old), *self._named(old.name))
        there = [path for path in candidates if path is not None and is_there(path) and path.is_file()]
        for path in there:
            if digest_of_file(path) == digest:
                return RecordedFile(recorded, "same" if path == old else "moved", path)
        if (other := self._with_digest(digest)) is not None:
            return RecordedFile(recorded, "moved", other)
        return RecordedFile(recorded, "changed" if there else "missing", there[0] if there else old)

    def _named(self, name: str) -> Iterator[Path]:
        for folder in (*self._folders, self._beside):
            if folder.is_dir():
                yield folder / name
            elif folder.name == name:
                yield folder

    def _with_digest(self, digest: str) -> Path | None:
        if self._by_digest is None:
            paths = (path for folder in self._folders for path in _entries(folder))
            files = (path for path in paths if path.is_file() and path.stat().st_size <= LARGEST)
            self._by_digest = {digest_of_file(path): path for path in islice(files, FILES)}
        return self._by_digest.get(digest)


def _entries(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir())) if folder.is_dir() else iter([folder])
