"""Paths as users write them: text from a shell, a document or a caller becomes a path or a FileProblem."""

from __future__ import annotations

import errno
from pathlib import Path

from graphflow.errors import FileProblem

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def path_of(text: str, folder: Path | None = None) -> Path:
    """The path that `text` means: relative to `folder` (by default the current one), with `~` expanded.

    The path need not exist, but its `exists`, `is_file` and `is_dir` don't raise.

    Raises:
        FileProblem: no file can have this name, or access is denied.
    """
    fix = "write the path of a file that exists and is readable"
    try:
        path = (folder if folder is not None else Path()) / Path(text).expanduser()
    except RuntimeError as error:
        raise _missing(text, str(error), "write the folder's full path") from error
    try:
        path.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            # A name that is too long, a link loop, a folder without access.
            raise _missing(text, error.strerror or str(error), fix) from error
    except ValueError as error:
        raise _missing(text, "it contains a null character", "write the file's name") from error
    return path


def _missing(text: str, why: str, fix: str) -> FileProblem:
    shown = text if len(text) <= 60 else text[:57] + "…"
    return FileProblem(f"{shown!r} cannot be found", "file-missing", why=why, fix=fix)
