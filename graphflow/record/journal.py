"""events.jsonl: one event per line, written as soon as it happens, and never half a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from graphflow.errors import FileProblem
from graphflow.system.files import open_regular, read_regular

WRITING = "writing"
"""The event that announces a file before it is written, so that the journal of a killed run names every file."""

_START = 100


class Journal:
    """A file to which whole lines are appended.

    Args:
        path: of the file; that of an earlier run is replaced.

    Raises:
        FileProblem: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._failed = False
        try:
            # A process that still reads the earlier run's file keeps it.
            path.unlink(missing_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise FileProblem(f"{path} cannot be written: {error.strerror}") from error

    def write(self, data: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            FileProblem: it cannot be written; the file ends with the previous line, and no more are written.
        """
        if self._failed:
            return
        # A file's name may contain bytes that are not UTF-8, which Python keeps as lone surrogates.
        line = (json.dumps(data, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(0, "no space left")
        except OSError as error:
            self._failed = True
            self._cut()
            raise FileProblem(f"{self._path} cannot be written: {error.strerror}") from error
        self._size += len(line)

    def _cut(self) -> None:
        # If that fails too, readers of the file skip a last line that is not JSON.
        with suppress(OSError):
            self._file.truncate(self._size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def is_journal(path: Path) -> bool:
    """Whether a file begins like the journal of a run, or is empty."""
    try:
        with open_regular(path) as stream:
            start = stream.read(_START)
    except OSError:
        return False
    return not start or start.startswith(b'{"event": "run_started"')


def journal_digests(path: Path) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each file that a run announced in its journal; the last file may not exist."""
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
