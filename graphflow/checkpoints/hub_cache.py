"""The cache of huggingface_hub: finding repositories of the model hub that are already on this machine."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from graphflow.system.files import write_atomically

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER = "models--"


def cache_folder() -> Path:
    """The folder of huggingface_hub's cache: HF_HUB_CACHE, or else `hub` in HF_HOME or in the user's cache folder.

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
    """Whether a text has the form of a repository: `owner/name`, or `owner/name@revision`."""
    is_name = _REPOSITORY.match(text) is not None and not text.startswith((".", "/", "~"))
    return is_name and not {"", ".", ".."}.intersection(split_name(text)[1].split("/"))


def split_name(text: str) -> tuple[str, str]:
    """The repository, and the branch, tag or commit: `main` if the text names none."""
    name, _, revision = text.partition("@")
    return name, revision or "main"


def snapshot_folder(name: str, commit: str) -> Path:
    """Where the files of a repository `owner/name` at a commit are kept; need not exist."""
    return _folder_of(name) / "snapshots" / commit


def commit_of(text: str) -> str | None:
    """The commit that `owner/name` or `owner/name@revision` stands for on this machine; None if that is not known."""
    name, revision = split_name(text)
    try:
        return (_folder_of(name) / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        known = _COMMIT.match(revision) or (_folder_of(name) / "snapshots" / revision).is_dir()
        return revision if known else None


def remember_commit(text: str, commit: str) -> None:
    """Let `owner/name` or `owner/name@revision` stand for a commit on this machine, as the hub's programs do.

    Raises:
        FileProblem, OSError: the cache cannot be written to.
    """
    name, revision = split_name(text)
    if revision != commit:
        place = _folder_of(name) / "refs" / revision
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, commit.encode())


def snapshot(text: str) -> Path | None:
    """The folder with the files of a repository; None if this machine has none of them.

    Args:
        text: `owner/name`, or `owner/name@revision` with a branch, tag or commit; `main` if it names none.
    """
    commit = commit_of(text)
    found = None if commit is None else snapshot_folder(split_name(text)[0], commit)
    return found if found is not None and found.is_dir() else None


def origin(path: Path) -> tuple[str, str] | None:
    """The repository and the commit that a file or folder belongs to; None if it is not in a folder of the hub."""
    parts = path.parts
    for folder, kind, commit in zip(parts, parts[1:], parts[2:], strict=False):
        if folder.startswith(_FOLDER) and kind == "snapshots":
            return folder.removeprefix(_FOLDER).replace("--", "/", 1), commit
    return None


def reuse_content(name: str, sha256: str) -> None:
    """Link a file that another repository has on this machine into this one's cache, so that it isn't downloaded again.

    Nothing happens if no repository has it, or if files cannot be linked.
    """
    place = _folder_of(name) / "blobs" / sha256
    if not _SHA256.match(sha256) or place.exists():
        return
    for known in sorted(cache_folder().glob(f"{_FOLDER}*/blobs/{sha256}")):
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(known.resolve(strict=True))
            return


def _folder_of(name: str) -> Path:
    return cache_folder() / f"{_FOLDER}{name.replace('/', '--')}"
