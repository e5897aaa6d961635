"""sha256 of whole weight files, by which other programs know a model; remembered on disk, as reading takes long."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from graphflow.checkpoints.digest_cache import remember, remembered
from graphflow.system.files import open_regular

_BLOB = re.compile(r"[0-9a-f]{64}\Z")


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    resolved = path.resolve()
    if resolved.parent.name == "blobs" and _BLOB.match(resolved.name):
        # The cache of huggingface_hub names large files by their sha256.
        return resolved.name
    key = _key(resolved)
    match remembered(key):
        case {"sha256": (digest,)}:
            return digest
    with open_regular(resolved) as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if _key(resolved) == key:  # otherwise the file was changed meanwhile
        remember(key, {"sha256": (digest,)})
    return digest


def _key(path: Path) -> str:
    status = path.stat()
    return f"whole {path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
