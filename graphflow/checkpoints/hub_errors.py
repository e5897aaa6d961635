"""Errors of the hub's client as refusals: what happened, and what to do about it."""

from __future__ import annotations

import errno
from typing import Any

from graphflow.document.refusal import Refusal

HUB = "https://huggingface.co"
_LATER = "try again later"
_LOGIN = "log in with: hf auth login (or set HF_TOKEN)"


class UnreachableHub(Refusal):
    """The hub cannot be asked now, so nothing is known that this machine did not know before; `why` is the reason."""

    def __init__(self, name: str, why: str, fix: str = _LATER) -> None:
        super().__init__("checkpoint-missing", f"{name} cannot be read from the hub", why, fix)


def refusal_of(error: Exception, name: str, revision: str) -> Refusal:
    """What an error means that the client raised while it asked for a repository.

    The client's own words are not repeated: they hold addresses, which may be signed.

    Args:
        error: of huggingface_hub, of the HTTP library below it, or of the system.
        name: `owner/name`.
        revision: branch, tag or commit.
    """
    kinds = {one.__name__ for one in type(error).__mro__}
    status = status_of(error)
    if "GatedRepoError" in kinds or status == 403:
        why = "its owner asks for an agreement first, or your account may not read it"
        return _missing(f"{name} cannot be downloaded", why, f"accept its terms at {HUB}/{name}, and {_LOGIN}")
    if "RevisionNotFoundError" in kinds:
        why = "the repository exists, but has no such branch, tag or commit"
        return _missing(f"{name} has no revision {revision}", why, f"choose a revision at {HUB}/{name}/tree/main")
    if status == 401 and "RepositoryNotFoundError" not in kinds:
        return _missing(f"{name} cannot be read from the hub", "the hub does not accept your token", _LOGIN)
    if "RepositoryNotFoundError" in kinds or status == 404:
        why = "the name is wrong, or the repository is private or was removed"
        return _missing(f"the hub has no repository {name}", why, f"correct the name, or {_LOGIN}")
    if "HFValidationError" in kinds:
        return _missing(f"{name} is not a name of a repository", "", "write owner/name")
    if status == 429:
        why = "the hub says that there were too many requests (429)"
        return UnreachableHub(name, why, f"{_LATER}, or {_LOGIN}")
    if status is not None and 400 <= status < 500:
        return _missing(f"{name} cannot be read from the hub", f"the hub answered {status}", _LATER)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space(name)
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        why = f"{error.filename or 'its folder'}: {error.strerror}"
        return _missing(f"{name} cannot be stored on this machine", why, "set HF_HOME to a folder that can be written")
    why = f"the hub answered {status}" if status is not None else f"the connection failed ({_innermost(error)})"
    return UnreachableHub(name, why, "check the connection, and try again; with --offline the hub is not asked")


def no_space(name: str, needed: str = "") -> Refusal:
    """The disk is full, or would be."""
    why = f"it needs {needed}" if needed else ""
    fix = "free some space (hf cache ls lists what is stored), or set HF_HOME to a folder on another disk"
    return _missing(f"there is no space left for {name}", why, fix)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an answer that became an error, or of the error behind it; None if there was no answer."""
    seen: BaseException | None = error
    while seen is not None:
        response: Any = getattr(seen, "response", None)
        if isinstance(status := getattr(response, "status_code", None), int):
            return status
        seen = seen.__cause__
    return None


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def _missing(message: str, why: str, fix: str) -> Refusal:
    return Refusal("checkpoint-missing", message, why, fix)
