"""Standard output and error as streams that never raise, so that a command does not depend on who reads its output.

A stream that is closed or full, or whose reader has gone, takes everything and shows nothing from then on.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Stream(io.TextIOBase):
    """A text stream whose `write` and `flush` never fail for the stream's sake.

    Letters that its encoding has no bytes for are written as JSON escapes, so that JSON stays JSON.

    Args:
        stream: what is written to; None where the process has none.

    Attributes:
        failure: why nothing is shown any more; None as long as something is.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: Exception | None = OSError(errno.EBADF, "it is closed") if stream is None else None

    def write(self, text: str) -> int:
        if self._stream is not None and self.failure is None:
            try:
                self._write(self._stream, text)
            except (OSError, ValueError) as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._fail(error)

    @property
    def lost(self) -> str:
        """Why output was lost; empty where none was, or where its reader has gone."""
        if self.failure is None or isinstance(self.failure, BrokenPipeError):
            return ""
        return getattr(self.failure, "strerror", None) or str(self.failure)

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self.failure is None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        return super().fileno() if self._stream is None else self._stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def __getattr__(self, name: str) -> Any:
        # `buffer`, `reconfigure` and what else a library asks of the real stream.
        return getattr(self.__dict__.get("_stream"), name)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(escaped(text, self.encoding))

    def _fail(self, error: Exception) -> None:
        self.failure = error
        # What the stream still holds would be tried again when the interpreter ends, with an error of its own.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def escaped(text: str, encoding: str) -> str:
    r"""`text` with what `encoding` has no bytes for as `\uXXXX`, in two of them where one is not enough."""
    shown = {}
    for letter in set(text):
        try:
            letter.encode(encoding)
        except UnicodeEncodeError:
            shown[ord(letter)] = json.dumps(letter)[1:-1]
    return text.translate(shown)


@contextlib.contextmanager
def guarded() -> Iterator[tuple[Stream, Stream]]:
    """Put such streams in the place of standard output and error meanwhile; yields the two."""
    _open_missing()
    before = sys.stdout, sys.stderr
    out, err = Stream(before[0]), Stream(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_missing() -> None:
    """Let standard descriptors that are closed lead nowhere: the next file opened would get their numbers,
    and what a library writes to descriptor 2 would stand in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.close(opened)
