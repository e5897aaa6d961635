"""Claiming a folder for a run: one run at a time, and without overwriting files that no run wrote."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphflow.errors import FileProblem
from graphflow.plan.plan import Plan
from graphflow.record.journal import is_journal, journal_digests
from graphflow.record.names import EVENTS, RECORD, REPORT, RUN_JSON, output_of, spare_inputs
from graphflow.record.outputs import files_possible
from graphflow.system.files import open_regular, remove_temporary, write_atomically
from graphflow.values.picture_format import PictureFormat

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".graphflow.lock"
"""The file that a run locks while it writes; the system unlocks it when the process ends, however it ends."""

_MOST_NAMED = 8
"""Most files that one message names."""


def now() -> datetime:
    """The current time, with its time zone."""
    return datetime.now(UTC)


def new_folder(name: str, *, within: Path = Path("runs"), clock: Callable[[], datetime] = now) -> Path:
    """Create the folder `TIME-NAME` for a run, in local time; a number is added if it already exists.

    Args:
        name: the graph's name; characters that are not allowed in a file name become hyphens.
        within: the parent folder, created if it is missing.
        clock: returns the time.

    Raises:
        FileProblem: the folder cannot be created.
    """
    word = re.sub(r"[^\w]+", "-", name).strip("-_")[:40] or "graph"
    stem = f"{clock().astimezone():%Y%m%d-%H%M%S}-{word}"
    _make(within)
    number = 1
    while True:
        folder = within / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise _cannot_create(folder, str(error.strerror)) from error
        else:
            return folder


def folder_of(name: str | Path) -> Path:
    """The folder that a caller names for a run; `~` is the home folder.

    Raises:
        FileProblem: the name is empty (such as an unset shell variable), or the home folder is not known.
    """
    if not str(name):
        raise FileProblem("the folder for the run has an empty name", fix="name one; `.` is the current folder")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise _cannot_create(Path(name), str(error)) from error


@dataclass(frozen=True)
class Earlier:
    """Files of earlier runs in a folder.

    Attributes:
        started: when the last of them started; None if no record says so.
        files: name → sha256 of each file that has not changed since a run wrote it, and of run.json if it is a record.
    """

    started: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """`the run of 2026-11-24 19:30:11`, in local time."""
        return "an earlier run" if self.started is None else f"the run of {self.started.astimezone():%Y-%m-%d %H:%M:%S}"


class Claim:
    """A folder that belongs to one run until `release`, or until its process ends.

    Args:
        folder: created if it is missing.
        plan: the plan of the run, which determines the files it may write.
        chosen: the format of each output's pictures.
        overwrite: whether files that no run wrote may be replaced.

    Attributes:
        earlier: files of earlier runs.
        written: name → sha256 of each file written by this run.
        replaced: names of files that existed before with other bytes; from the start they include the record's own
            files, if no run wrote them.
        removed: names of earlier runs' outputs that this run removed.

    Raises:
        FileProblem: the folder cannot be created or written to, another run is writing into it, or the run could
            replace a file that its graph reads or that no run wrote.
    """

    def __init__(
        self, folder: Path, plan: Plan, chosen: Mapping[str, PictureFormat], *, overwrite: bool = False
    ) -> None:
        self._folder = folder
        self.written: dict[str, str] = {}
        self.replaced: list[str] = []
        self.removed: list[str] = []
        _make(folder)
        spare_inputs(folder, plan)
        self._lock = _locked(folder)
        try:
            # The folder is locked, so any temporary file is from a run that was killed.
            remove_temporary(folder)
            self.earlier = earlier_run(folder)
            if not overwrite:
                _refuse_others(folder, plan, chosen, self.earlier)
            self.replaced += [n for n in RECORD if os.path.lexists(folder / n) and n not in self.earlier.files]
        except BaseException:
            self.release()
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file.

        Raises:
            FileProblem: it cannot be written.
        """
        path, digest = self._folder / name, hashlib.sha256(content).hexdigest()
        # Every run replaces the record of the one before, so that is not reported.
        other = name not in self.written and name not in RECORD and os.path.lexists(path)
        write_atomically(path, content)
        if other and self.earlier.files.get(name) != digest:
            self.replaced.append(name)
        self.written[name] = digest

    def remove_others(self, keep: Collection[str]) -> None:
        """Remove earlier runs' outputs that this run did not write, except those of the outputs in `keep`."""
        for name in self.left():
            # If it was changed since the run started, it is somebody else's file.
            if output_of(name) not in keep and digest_of_file(self._folder / name) == self.earlier.files[name]:
                with suppress(OSError):
                    (self._folder / name).unlink()
                    self.removed.append(name)

    def left(self) -> list[str]:
        """Names of earlier runs' outputs that still exist."""
        names = [name for name in self.earlier.files if name not in RECORD and name not in self.written]
        return [name for name in names if (self._folder / name).is_file()]

    def digests(self) -> dict[str, str]:
        """Name → sha256 of every file in the folder that a run wrote, except run.json itself."""
        known = {name: self.earlier.files[name] for name in self.left()} | self.written
        return {name: digest for name, digest in known.items() if name != RUN_JSON}

    def summary(self) -> str:
        """One line about the files that existed before: replaced, removed or kept; empty if there were none."""
        # Sorted, since the order in which files are written depends on when their values are done.
        ours = sorted(name for name in self.replaced if name in self.earlier.files)
        others = [name for name in self.replaced if name not in self.earlier.files]
        parts = {"replaced": ours, "removed": self.removed, "kept": self.left()}
        changes = "; ".join(f"{verb} {listed(names)}" for verb, names in parts.items() if names)
        sentences = [f"from {self.earlier.run}: {changes}"] if changes else []
        sentences += [f"replaced {listed(others)}, which no run wrote"] if others else []
        return "; ".join(sentences)

    def release(self) -> None:
        """Release the folder for the next run."""
        if self._lock.is_locked:
            # While it is locked: a process that waits for it notices that it is gone, and creates another one.
            with suppress(OSError):
                (self._folder / LOCK).unlink()
            self._lock.release()


def earlier_run(folder: Path) -> Earlier:
    """Files of earlier runs in `folder`, according to their record; none without a record."""
    from graphflow.record.run_record import RunRecord

    try:
        record = RunRecord.load(folder)
    except FileProblem:
        return Earlier()
    # The files of a run that was killed are only in its journal.
    recorded = [*record.files.items(), *journal_digests(folder / EVENTS)]
    # Anybody can edit a record, so no name in it may lead out of the folder.
    ours = [(name, digest) for name, digest in recorded if name in (EVENTS, REPORT) or output_of(name) is not None]
    files = {name: digest for name, digest in ours if digest_of_file(folder / name) == digest}
    files[RUN_JSON] = ""
    if record.state == "running" and is_journal(folder / EVENTS):
        files[EVENTS] = ""
    return Earlier(record.started, files)


def digest_of_file(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal; empty if the file cannot be read."""
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def listed(names: Sequence[str]) -> str:
    """`a.png, b.png`; a long list ends with the number of further names."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refuse_others(folder: Path, plan: Plan, chosen: Mapping[str, PictureFormat], earlier: Earlier) -> None:
    possible = files_possible(plan, chosen)
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if (name in RECORD or possible(name)) and name not in earlier.files]
    if others:
        raise FileProblem(
            f"the run would replace files in {folder} that no run wrote, or that were changed since: {listed(others)}",
            fix="name another folder, or allow it with --overwrite (in Python: overwrite=True)",
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        broken = folder.is_symlink() and not folder.exists()
        why = "it is a broken link" if broken else "it, or a part of its path, is not a folder"
        raise _cannot_create(folder, why) from error
    except (OSError, ValueError) as error:
        raise _cannot_create(folder, getattr(error, "strerror", None) or str(error)) from error


def _locked(folder: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        if (folder / LOCK).exists():
            fix = "wait until it has finished, or name another folder"
            raise FileProblem(f"another run is writing into {folder}", fix=fix) from error
        raise FileProblem(f"{folder} cannot be written to", fix="name another folder") from error
    except OSError as error:
        raise FileProblem(
            f"{folder} cannot be written to", why=str(error.strerror), fix="name another folder"
        ) from error
    return lock


def _cannot_create(folder: Path, why: str) -> FileProblem:
    return FileProblem(f"the folder {folder} cannot be created", why=why, fix="name another folder")
