"""Repositories of the model hub that are on this machine already, as its own programs keep them."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where huggingface_hub keeps repositories: HF_HUB_CACHE, else `hub` in HF_HOME or in the user's cache folder.

    Not asked of huggingface_hub itself: importing it takes most of the time that a check may take, and it looks at the
    environment only once.
    """
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or str(Path(base) / "huggingface")
    return Path(home).expanduser() / "hub"


def snapshot(name: str) -> Path | None:
    """The folder with the files of a repository, or None where it is not on this machine.

    Args:
        name: `owner/name`, or `owner/name@revision` with a branch, tag or commit; `main` where none is said.
    """
    repository, _, revision = name.partition("@")
    folder = cache_folder() / f"models--{repository.replace('/', '--')}"
    revision = revision or "main"
    try:
        commit = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        commit = revision
    found = folder / "snapshots" / commit
    return found if found.is_dir() else None
