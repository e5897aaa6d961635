"""events.jsonl: one event a line, each line there as soon as the event is over, and never half of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from graphflow.errors import FileProblem
from graphflow.system.files import open_regular, read_regular

WRITING = "writing"
"""The event of the lines that tell of a file before it is written: a run that is killed has told of every file."""

_START = 100


class Journal:
    """A file that grows by whole lines.

    Args:
        path: of the file; one of an earlier run is replaced.

    Raises:
        FileProblem: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._failed = False
        try:
            # Whoever still reads the earlier run's file keeps it.
            path.unlink(missing_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise FileProblem(f"{path} cannot be written: {error.strerror}") from error

    def write(self, data: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            FileProblem: it cannot be written; the file ends with the line before it, and stays so.
        """
        if self._failed:
            return
        # A file's name may be of bytes that are no UTF-8, which Python keeps as halves of characters.
        line = (json.dumps(data, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(0, "there is no room for it")
        except OSError as error:
            self._failed = True
            self._cut()
            raise FileProblem(f"{self._path} cannot be written: {error.strerror}") from error
        self._size += len(line)

    def _cut(self) -> None:
        # Where that fails, too, readers of the file skip a last line that is not JSON.
        with suppress(OSError):
            self._file.truncate(self._size)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def is_journal(path: Path) -> bool:
    """Whether a file begins as the journal of a run does; an empty one does."""
    try:
        with open_regular(path) as stream:
            start = stream.read(_START)
    except OSError:
        return False
    return not start or start.startswith(b'{"event": "run_started"')


def journal_digests(path: Path) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each file that a run was about to write, as its journal tells; the last one may be missing."""
    try:
        lines = read_regular(path).decode().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict) and data.get("event") == WRITING:
            name, digest = data.get("file"), data.get("sha256")
            if isinstance(name, str) and isinstance(digest, str):
                yield name, digest
