"""Writing files atomically, and reading regular files only, without blocking on pipes or devices."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import re
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from graphflow.errors import FileProblem
from graphflow.problems import shown_path

T = TypeVar("T")

_TEMPORARY = re.compile(r"\.graphflow-[a-z0-9_]{8}\.part")


def open_file(path: Path) -> io.BufferedReader:
    """Open a file that the user named, for reading; never blocks, whatever the name is.

    Raises:
        FileProblem: the file does not exist, is a folder, a pipe or a device, or cannot be read.
    """
    shown, fix = shown_path(path), "name a file that exists and is readable"
    try:
        return open_regular(path)
    except FileNotFoundError as error:
        raise FileProblem(f"{shown} does not exist", "file-missing") from error
    except IrregularFileError as error:
        raise FileProblem(f"{shown} is {error.kind}, not a file", fix=fix) from error
    except (OSError, ValueError) as error:
        # A name that is too long or contains a null character, a link loop, a folder without access.
        raise FileProblem(f"{shown} cannot be read", why=_reason(error), fix=fix) from error


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; also False for an invalid name, or without access."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder exists; also False for an invalid name, or without access."""
    return is_there(path) and path.is_dir()


def read_start(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file that the user named; all of a shorter one.

    Raises:
        FileProblem: as `open_file` raises it, or reading fails.
    """
    with open_file(path) as stream:
        try:
            return stream.read(most)
        except OSError as error:
            raise FileProblem(f"{shown_path(path)} cannot be read", why=error.strerror or str(error)) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, so that no reader ever sees half of it.

    The content is flushed to disk before the move, so even after a power cut the file is either the old or the new.

    Raises:
        FileProblem: the folder does not exist or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".graphflow-", suffix=".part", dir=path.parent)
    except FileNotFoundError as error:
        fix = "make the folder, or name another one"
        raise FileProblem(f"{path} cannot be written: there is no folder {path.parent}", fix=fix) from error
    except (OSError, ValueError) as error:
        raise FileProblem(f"{path} cannot be written: {_reason(error)}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, (OSError, ValueError)):
            raise FileProblem(f"{path} cannot be written: {_reason(error)}") from error
        raise


def _reason(error: OSError | ValueError) -> str:
    """The reason why a file cannot be used; a ValueError means a null character in its name."""
    return getattr(error, "strerror", None) or str(error)


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files that a killed process left in `folder`.

    No other process may write there meanwhile. Files that cannot be removed stay.
    """
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file to read its bytes.

    A pipe or a device is refused before it is opened, since reading it can block or never end.

    Raises:
        OSError: the file does not exist, is not a regular file, or cannot be read.
    """
    _refuse_irregular(path.stat().st_mode, path)
    # A pipe may have replaced the file meanwhile; in this mode, opening one does not wait for a writer.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _refuse_irregular(os.fstat(number).st_mode, path)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: as `open_regular` raises it.
    """
    with open_regular(path) as stream:
        return stream.read()


def irregular(mode: int) -> str:
    """The kind of file with this mode (`st_mode`), for messages; empty for a regular file, a folder or a link."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        return ""
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a special file")


class IrregularFileError(OSError):
    """A path that should be a regular file is something else; `kind` says what, such as a pipe."""

    def __init__(self, kind: str, path: Path) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))
        self.kind = kind


def _refuse_irregular(mode: int, path: Path) -> None:
    if kind := "a folder" if stat.S_ISDIR(mode) else irregular(mode):
        raise IrregularFileError(kind, path)


def once_a_file(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """A reader that reads a file again only if its size, time or inode has changed.

    All callers share the result, so `read` must return an immutable value, such as one made by `read_only`.

    Raises:
        OSError: the file does not exist.
    """

    @functools.lru_cache(maxsize=1024)
    def cached(path: Path, *_: int) -> T:
        return read(path)

    @functools.wraps(read)
    def reader(path: Path) -> T:
        state = path.stat()
        return cached(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)

    return reader


def _refuse(_: object, *__: object, **___: object) -> NoReturn:
    raise TypeError("this value is shared and cannot be changed; change a copy made by copy.deepcopy")


class ReadOnlyDict(dict[str, Any]):
    """A dict that cannot be changed; its copies can."""

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return dict, (dict(self),)


class ReadOnlyList(list[Any]):
    """A list that cannot be changed; its copies can."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return list, (list(self),)


def read_only(value: T) -> T:
    """A read-only version of JSON data, which callers can share."""
    result: object = value
    if isinstance(value, dict):
        result = ReadOnlyDict((key, read_only(item)) for key, item in value.items())
    elif isinstance(value, list):
        result = ReadOnlyList(map(read_only, value))
    return cast("T", result)
