"""Files as values: a path, with a digest of the content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from graphflow.errors import FileProblem
from graphflow.problems import shown_path
from graphflow.system.files import open_file
from graphflow.values.picture_files import picture_header


@dataclass(frozen=True)
class File:
    """A file that the user named, with an absolute path; files with equal content have equal digests."""

    path: Path

    @cached_property
    def digest(self) -> str:
        """sha256 of the content, in hexadecimal; read once.

        Raises:
            FileProblem: the file cannot be read.
        """
        try:
            with open_file(self.path) as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise FileProblem(f"{shown_path(self.path)} cannot be read: {error.strerror}") from error

    @cached_property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) from the picture's header; no pixel is decoded.

        Raises:
            FileProblem: the file is not a picture, is cut off, or has more than `MAX_PIXELS` pixels.
        """
        return picture_header(self.path)

    def __fspath__(self) -> str:
        return str(self.path)
