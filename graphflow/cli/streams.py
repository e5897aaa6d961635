"""Standard output and error as streams that never raise, so that a command does not depend on its output's reader.

Once a stream is closed or full, or its reader is gone, it discards everything.
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
    """A text stream whose `write` and `flush` never raise because of the stream.

    Characters that its encoding lacks are written as JSON escapes, so that JSON stays JSON.

    Args:
        stream: the real stream; None if the process has none.

    Attributes:
        failure: the reason why output is discarded; None while the stream works.
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
        """The reason why output was lost; empty if none was lost, or if its reader is gone."""
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
        # `buffer`, `reconfigure` and anything else that a library uses of the real stream.
        return getattr(self.__dict__.get("_stream"), name)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(escaped(text, self.encoding))

    def _fail(self, error: Exception) -> None:
        self.failure = error
        # Otherwise the interpreter would flush the stream's buffer again when it exits, and raise an error.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def escaped(text: str, encoding: str) -> str:
    r"""`text` with characters that `encoding` lacks as `\uXXXX`, or as a pair of these."""
    escapes = {}
    for letter in set(text):
        try:
            letter.encode(encoding)
        except UnicodeEncodeError:
            escapes[ord(letter)] = json.dumps(letter)[1:-1]
    return text.translate(escapes)


@contextlib.contextmanager
def guarded() -> Iterator[tuple[Stream, Stream]]:
    """Inside the block, replace standard output and error with such streams; yields the two."""
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
    """Open closed standard descriptors on the null device.

    Otherwise the next file to be opened would get their numbers, and anything written to descriptor 2 would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.close(opened)
