"""Files that are written whole or not at all, and files that are read once."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from graphflow.errors import FileProblem
from graphflow.problems import shown_path

T = TypeVar("T")


def open_file(path: Path) -> io.BufferedReader:
    """Open a file that is named by a user, for reading; whatever the name is, this neither waits nor runs on for ever.

    Raises:
        FileProblem: there is no such file, it is a folder, a pipe or a device, or it may not be read.
    """
    shown = shown_path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except FileNotFoundError as error:
        raise FileProblem(f"{shown} does not exist", "file-missing") from error
    except (OSError, ValueError) as error:
        # A name that is too long or holds a zero character, a loop of links, a folder that nobody may look into.
        why = getattr(error, "strerror", None) or str(error)
        raise FileProblem(
            f"{shown} cannot be read", why=why, fix="name a file that is there and may be read"
        ) from error
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    raise FileProblem(f"{shown} is {kind}, and a file is needed", fix="name a file that is there and may be read")


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, so that no reader ever sees half of it.

    Raises:
        FileProblem: the folder does not exist or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {error.strerror}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise FileProblem(f"{path} cannot be written: {error.strerror}") from error
        raise


def once_a_file(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """A reader that reads a file again only where its size, time, or inode has changed; its result is never changed.

    Raises:
        OSError: the file is not there.
    """

    @functools.lru_cache(maxsize=1024)
    def known(path: Path, *_: int) -> T:
        return read(path)

    @functools.wraps(read)
    def reader(path: Path) -> T:
        found = path.stat()
        return known(path, found.st_size, found.st_mtime_ns, found.st_ino)

    return reader
