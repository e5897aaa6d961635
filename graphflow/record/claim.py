"""Taking a folder for a run: for one run at a time, and without losing a file that no run wrote."""

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

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".graphflow.lock"
"""The file that a run holds while it writes; the system lets it go with the process, however that ends."""

_MOST_NAMED = 8
"""Files that one sentence names."""


def now() -> datetime:
    """The present, with its time zone."""
    return datetime.now(UTC)


def new_folder(name: str, *, within: Path = Path("runs"), clock: Callable[[], datetime] = now) -> Path:
    """Make the folder `TIME-NAME` for a run, TIME the local one; a number is added where it is there already.

    Args:
        name: the graph's; what has no place in a file name becomes a hyphen.
        within: made where it is missing.
        clock: tells the time.

    Raises:
        FileProblem: it cannot be made.
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
            raise _cannot_be_made(folder, str(error.strerror)) from error
        else:
            return folder


def folder_of(name: str | Path) -> Path:
    """The folder that a caller names for a run; `~` is the home folder.

    Raises:
        FileProblem: the name is empty (such as a shell variable that is not set), or there is no such home folder.
    """
    if not str(name):
        raise FileProblem("the folder for the run has an empty name", fix="name one; `.` is the current folder")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise _cannot_be_made(Path(name), str(error)) from error


@dataclass(frozen=True)
class Earlier:
    """What earlier runs left in a folder.

    Attributes:
        started: when the last of them began; None where no record tells.
        files: name → sha256 of each file that is still as a run wrote it, and of run.json where it is a record.
    """

    started: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """`the run of 2026-11-24 19:30:11`, in local time."""
        return "an earlier run" if self.started is None else f"the run of {self.started.astimezone():%Y-%m-%d %H:%M:%S}"


class Claim:
    """A folder that one run has for itself until `release`, or until its process ends.

    Args:
        folder: made where it is missing.
        plan: what is run; says which files may be written.
        overwrite: whether files that no run wrote may be replaced.

    Attributes:
        earlier: what earlier runs left there.
        written: name → sha256 of each file that was written since.
        replaced: names of files that were there before and had other bytes; among them from the start are the record's
            own files, where no run wrote them.
        removed: names of earlier runs' outputs that were removed since.

    Raises:
        FileProblem: the folder cannot be made or written to, another run is writing into it, or the run could
            replace a file that its graph reads or that no run wrote.
    """

    def __init__(self, folder: Path, plan: Plan, *, overwrite: bool = False) -> None:
        self._folder = folder
        self.written: dict[str, str] = {}
        self.replaced: list[str] = []
        self.removed: list[str] = []
        _make(folder)
        spare_inputs(folder, plan)
        self._lock = _locked(folder)
        try:
            # Only a run that was killed has left any, since nobody else writes here now.
            remove_temporary(folder)
            self.earlier = earlier_run(folder)
            if not overwrite:
                _refuse_others(folder, plan, self.earlier)
            self.replaced += [n for n in RECORD if os.path.lexists(folder / n) and n not in self.earlier.files]
        except BaseException:
            self.release()
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole.

        Raises:
            FileProblem: it cannot be written.
        """
        path, digest = self._folder / name, hashlib.sha256(content).hexdigest()
        # Every run replaces the record of the one before, so that is not told.
        other = name not in self.written and name not in RECORD and os.path.lexists(path)
        write_atomically(path, content)
        if other and self.earlier.files.get(name) != digest:
            self.replaced.append(name)
        self.written[name] = digest

    def remove_others(self, keep: Collection[str]) -> None:
        """Remove what earlier runs wrote and this one did not, except the files of the outputs in `keep`."""
        for name in self.left():
            # If it was changed since the run began, it is somebody's own.
            if output_of(name) not in keep and digest_of_file(self._folder / name) == self.earlier.files[name]:
                with suppress(OSError):
                    (self._folder / name).unlink()
                    self.removed.append(name)

    def left(self) -> list[str]:
        """Names of earlier runs' outputs that are still there."""
        names = [name for name in self.earlier.files if name not in RECORD and name not in self.written]
        return [name for name in names if (self._folder / name).is_file()]

    def digests(self) -> dict[str, str]:
        """Name → sha256 of every file in the folder that some run wrote, except run.json itself."""
        known = {name: self.earlier.files[name] for name in self.left()} | self.written
        return {name: digest for name, digest in known.items() if name != RUN_JSON}

    def told(self) -> str:
        """What became of files that were there before, in a line; empty where there were none."""
        ours = [name for name in self.replaced if name in self.earlier.files]
        others = [name for name in self.replaced if name not in self.earlier.files]
        parts = {"replaced": ours, "removed": self.removed, "kept": self.left()}
        told = "; ".join(f"{verb} {listed(names)}" for verb, names in parts.items() if names)
        sentences = [f"from {self.earlier.run}: {told}"] if told else []
        sentences += [f"replaced {listed(others)}, which no run wrote"] if others else []
        return "; ".join(sentences)

    def release(self) -> None:
        """Let the next run in."""
        if self._lock.is_locked:
            # While it is held: whoever waits for this very file notices that it has gone, and makes another one.
            with suppress(OSError):
                (self._folder / LOCK).unlink()
            self._lock.release()


def earlier_run(folder: Path) -> Earlier:
    """What earlier runs left in `folder`, as their own record tells; nothing where there is none."""
    from graphflow.record.model import RunRecord

    try:
        record = RunRecord.load(folder)
    except FileProblem:
        return Earlier()
    # A run that was killed has told its journal only.
    told = [*record.files.items(), *journal_digests(folder / EVENTS)]
    # A record is a file like any other: no name in it may lead out of the folder.
    ours = [(name, digest) for name, digest in told if name in (EVENTS, REPORT) or output_of(name) is not None]
    files = {name: digest for name, digest in ours if digest_of_file(folder / name) == digest}
    files[RUN_JSON] = ""
    if record.state == "running" and is_journal(folder / EVENTS):
        files[EVENTS] = ""
    return Earlier(record.started, files)


def digest_of_file(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal; empty where there is no file that can be read."""
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def listed(names: Sequence[str]) -> str:
    """`a.png, b.png`, and how many more where they are too many for a sentence."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refuse_others(folder: Path, plan: Plan, earlier: Earlier) -> None:
    possible = files_possible(plan)
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
        nowhere = folder.is_symlink() and not folder.exists()
        why = "it is a link that leads nowhere" if nowhere else "it, or a part of its path, is not a folder"
        raise _cannot_be_made(folder, why) from error
    except (OSError, ValueError) as error:
        raise _cannot_be_made(folder, getattr(error, "strerror", None) or str(error)) from error


def _locked(folder: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        if (folder / LOCK).exists():
            fix = "wait until it is over, or name another folder"
            raise FileProblem(f"another run is writing into {folder}", fix=fix) from error
        raise FileProblem(f"{folder} cannot be written to", fix="name another folder") from error
    except OSError as error:
        raise FileProblem(
            f"{folder} cannot be written to", why=str(error.strerror), fix="name another folder"
        ) from error
    return lock


def _cannot_be_made(folder: Path, why: str) -> FileProblem:
    return FileProblem(f"the folder {folder} cannot be made", why=why, fix="name another folder")
