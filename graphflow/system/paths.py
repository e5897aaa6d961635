"""Paths as users write them: whatever a shell, a document or a caller hands over becomes a path or a FileProblem."""

from __future__ import annotations

import errno
from pathlib import Path

from graphflow.errors import FileProblem

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def path_of(text: str, folder: Path | None = None) -> Path:
    """The path that `text` means: from `folder` (the current one if not given), its `~` a home folder.

    What it names need not be there, but it can be looked for: `exists`, `is_file` and `is_dir` of the path raise
    nothing.

    Raises:
        FileProblem: no file can have this name, or nobody may look where it would be.
    """
    fix = "write the path of a file that is there and may be read"
    try:
        path = (folder if folder is not None else Path()) / Path(text).expanduser()
    except RuntimeError as error:
        raise _missing(text, str(error), "write the folder's whole path") from error
    try:
        path.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            # Longer than any name, a loop of links, a folder that nobody may look into.
            raise _missing(text, error.strerror or str(error), fix) from error
    except ValueError as error:
        raise _missing(text, "it holds a zero character", "write the file's name") from error
    return path


def _missing(text: str, why: str, fix: str) -> FileProblem:
    shown = text if len(text) <= 60 else text[:57] + "…"
    return FileProblem(f"{shown!r} cannot be found", "file-missing", why=why, fix=fix)
