"""Repositories of the model hub that are on this machine already, as its own programs keep them."""

from __future__ import annotations

import os
import re
from pathlib import Path

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?\Z")


def cache_folder() -> Path:
    """Where huggingface_hub keeps repositories: HF_HUB_CACHE, else `hub` in HF_HOME or in the user's cache folder.

    HUGGINGFACE_HUB_CACHE, the earlier name of the first, is read after it; in all of them `~` and `$NAME` are what they
    are in a shell. Not asked of huggingface_hub itself: importing it takes most of the time that a check may take, and
    it looks at the environment only once.
    """
    if named := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return _expanded(named)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(os.environ.get("HF_HOME") or f"{base}/huggingface") / "hub"


def _expanded(text: str) -> Path:
    # Of a user who does not exist, `~nobody` stays as it is, as in a shell: no folder of that name is there.
    return Path(os.path.expanduser(os.path.expandvars(text)))  # noqa: PTH111


def is_repository(text: str) -> bool:
    """Whether this is written as a repository: `owner/name`, or `owner/name@revision`."""
    return _REPOSITORY.match(text) is not None and not text.startswith((".", "/", "~"))


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
