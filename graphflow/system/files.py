"""Files that are written whole or not at all, and files that are read once and without waiting for anybody."""

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
    """Open a file that is named by a user, for reading; whatever the name is, this neither waits nor runs on for ever.

    Raises:
        FileProblem: there is no such file, it is a folder, a pipe or a device, or it may not be read.
    """
    shown, fix = shown_path(path), "name a file that is there and may be read"
    try:
        return open_regular(path)
    except FileNotFoundError as error:
        raise FileProblem(f"{shown} does not exist", "file-missing") from error
    except IrregularFileError as error:
        raise FileProblem(f"{shown} is {error.kind}, and a file is needed", fix=fix) from error
    except (OSError, ValueError) as error:
        # A name that is too long or holds a zero character, a loop of links, a folder that nobody may look into.
        raise FileProblem(f"{shown} cannot be read", why=_reason(error), fix=fix) from error


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; False, too, for a name that none can have, or where nobody may look."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_start(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file that is named by a user; all of a shorter one.

    Raises:
        FileProblem: as `open_file` raises it, or it cannot be read on.
    """
    with open_file(path) as stream:
        try:
            return stream.read(most)
        except OSError as error:
            raise FileProblem(f"{shown_path(path)} cannot be read", why=error.strerror or str(error)) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, so that no reader ever sees half of it.

    What is moved there is on the disk before: after a power cut, too, the file is the old one or the new one.

    Raises:
        FileProblem: the folder does not exist or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".graphflow-", suffix=".part", dir=path.parent)
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
    """Why a file cannot be used; a ValueError tells of a zero character in its name."""
    return getattr(error, "strerror", None) or str(error)


def remove_temporary(folder: Path) -> None:
    """Remove what `write_atomically` left in `folder` where its process was killed.

    Nobody may be writing there meanwhile. What cannot be removed stays.
    """
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file to read its bytes.

    A pipe or a device is refused before it is opened, since reading one can wait for ever or never end.

    Raises:
        OSError: there is none, it is something else, or it cannot be read.
    """
    _refuse_irregular(path.stat().st_mode, path)
    # Another file may have taken its place; a pipe opened in this mode does not wait for a writer.
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
    """What kind of thing has this mode (`st_mode`), for messages; empty for a regular file, a folder or a link."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        return ""
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "no regular file")


class IrregularFileError(OSError):
    """Something that is no regular file stands where one is read; `kind` says what, such as a pipe."""

    def __init__(self, kind: str, path: Path) -> None:
        super().__init__(errno.EINVAL, f"it is {kind} and no file", str(path))
        self.kind = kind


def _refuse_irregular(mode: int, path: Path) -> None:
    if kind := "a folder" if stat.S_ISDIR(mode) else irregular(mode):
        raise IrregularFileError(kind, path)


def once_a_file(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """A reader that reads a file again only where its size, time, or inode has changed.

    Every caller gets the same result, so `read` must give one that cannot be changed, such as `read_only` makes it.

    Raises:
        OSError: the file is not there.
    """

    @functools.lru_cache(maxsize=1024)
    def known(path: Path, *_: int) -> T:
        return read(path)

    @functools.wraps(read)
    def reader(path: Path) -> T:
        found = path.stat()
        return known(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    return reader


def _refuse(_: object, *__: object, **___: object) -> NoReturn:
    raise TypeError("this is shared and cannot be changed: change a copy, such as copy.deepcopy makes it")


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
    """What JSON gives, such that nobody can change it: to be shared by all who read it."""
    found: object = value
    if isinstance(value, dict):
        found = ReadOnlyDict((key, read_only(one)) for key, one in value.items())
    elif isinstance(value, list):
        found = ReadOnlyList(map(read_only, value))
    return cast("T", found)
