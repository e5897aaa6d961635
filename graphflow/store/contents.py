"""Contents: files that are written once and never changed, each named by the sha256 of its value's digest."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphflow.store.value_files import Buffer
from graphflow.system.files import read_regular

_NAME = re.compile(r"[0-9a-f]{62}")
_PART = ".part"


def content_id(digest: str) -> bytes:
    """The id of a content; digests of some values are long texts."""
    return hashlib.sha256(digest.encode("utf-8", "surrogatepass")).digest()


class Contents:
    """The files of one folder.

    Args:
        folder: it need not exist as long as nothing is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unfinished = folder / "unfinished"
        self._numbers = itertools.count()

    def place(self, id_: bytes) -> Path:
        """The file of a content, whether it exists or not."""
        name = id_.hex()
        return self.folder / name[:2] / name[2:]

    def write(self, parts: Iterable[Buffer], process: str) -> Path:
        """Write a content to a new file, which `keep` moves to its place.

        It is not flushed to disk: contents are compared with their digests whenever they are read.

        Args:
            parts: of the content.
            process: the name of this process among those that use the store.

        Raises:
            OSError: the file cannot be written.
        """
        self._unfinished.mkdir(parents=True, exist_ok=True)
        path = self._unfinished / f"{process}.{next(self._numbers)}{_PART}"
        try:
            with path.open("wb") as stream:
                for part in parts:
                    stream.write(part)
        except BaseException:
            self.discard(path)
            raise
        return path

    def keep(self, id_: bytes, written: Path) -> None:
        """Move a file that `write` wrote to its place.

        Raises:
            OSError: it cannot be moved.
        """
        place = self.place(id_)
        try:
            written.replace(place)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            written.replace(place)

    def discard(self, written: Path) -> None:
        """Remove a file that `write` wrote and that is not kept."""
        with contextlib.suppress(OSError):
            written.unlink()

    def has(self, id_: bytes, size: int) -> bool:
        """Whether the file of a content exists and has this size."""
        try:
            return self.place(id_).stat().st_size == size
        except OSError:
            return False

    def read(self, id_: bytes) -> bytes:
        """The bytes of a content.

        Raises:
            OSError: it cannot be read; FileNotFoundError if it does not exist.
        """
        return read_regular(self.place(id_))

    def remove(self, id_: bytes) -> None:
        """Remove the file of a content, if there is one."""
        with contextlib.suppress(OSError):
            self.place(id_).unlink()

    def ids(self) -> Iterator[bytes]:
        """The ids of all files."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if _NAME.fullmatch(path.name):
                    yield bytes.fromhex(folder.name + path.name)

    def unfinished(self) -> dict[Path, str]:
        """Each file that `write` wrote and that is not in its place yet → the name of the process that wrote it."""
        return {path: path.name.partition(".")[0] for path in sorted(self._unfinished.glob(f"*{_PART}"))}

    def clear(self) -> None:
        """Remove all files, except for those that are being written."""
        for id_ in list(self.ids()):
            self.remove(id_)
