"""The hub as one call may use it: facts that this machine remembers, else facts that the hub is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from graphflow.checkpoints import hub_facts
from graphflow.checkpoints.hub_cache import commit_of, split_name
from graphflow.checkpoints.hub_facts import Repository

_TRUE = ("1", "ON", "YES", "TRUE")


def _offline_variable() -> str:
    """The variable that tells the hub's programs not to ask it; empty if none does."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((name for name in names if os.environ.get(name, "").upper() in _TRUE), "")


def _silent(_: str) -> None:
    return None


@dataclass
class Hub:
    """The hub, for one call.

    Attributes:
        asks_nothing: whether the hub is never asked, as with `--offline`; HF_HUB_OFFLINE has the same effect.
        asks_later: whether a later call asks it, so that checkpoints that are not complete here are unknown for now.
        announce: called with a sentence before the hub is asked about a repository.
    """

    asks_nothing: bool = False
    announce: Callable[[str], None] = _silent
    asks_later: bool = False
    _announced: set[str] = field(default_factory=set)

    @property
    def offline(self) -> str:
        """Why the hub is not asked; empty if it is."""
        if self.asks_nothing or self.asks_later:
            return "this call is offline"
        return f"{_offline_variable()} is set" if _offline_variable() else ""

    @property
    def defers(self) -> bool:
        """Whether checkpoints that are incomplete here count as unknown, since a later call can ask the hub."""
        return self.asks_later and not _offline_variable()

    def remedy(self, text: str) -> str:
        """What to do about a repository that an offline call lacks."""
        first = f"unset {_offline_variable()}, and " if _offline_variable() else ""
        return f"{first}get it with: graphflow checkpoints pull {text}"

    def remembered(self, text: str) -> Repository | None:
        """What this machine knows of `owner/name` or `owner/name@revision`; None if that is not enough.

        The hub isn't asked.
        """
        commit = commit_of(text)
        found = None if commit is None else hub_facts.remembered(split_name(text)[0], commit)
        if found is None:
            return None
        from graphflow.checkpoints.hub_client import has_small_files

        return found if has_small_files(found) else None

    def ask(self, text: str) -> Repository:
        """What the hub says now of `owner/name` or `owner/name@revision`, its small files downloaded.

        Raises:
            Refusal: there is no such repository, or it cannot be read; `UnreachableHub` if the hub cannot be asked.
        """
        from graphflow.checkpoints import hub_client
        from graphflow.checkpoints.hub_errors import UnreachableHub

        name, revision = split_name(text)
        if self.offline:
            raise UnreachableHub(text, self.offline, self.remedy(text))
        self._announce(name)
        found = hub_client.list_files(name, revision)
        known = hub_facts.remembered(name, found.commit)
        found = found if known is None else known
        hub_client.download_small_files(found, revision)
        hub_facts.remember(found)
        return found

    def with_headers(self, repository: Repository, paths: tuple[str, ...]) -> Repository:
        """The facts of a repository with the headers of these weight files, which are asked for if they aren't known.

        Raises:
            Refusal: a file is not a safetensors file; `UnreachableHub` if the hub cannot be asked.
        """
        from graphflow.checkpoints import hub_client
        from graphflow.checkpoints.hub_errors import UnreachableHub

        lacking = tuple(path for path in paths if path not in repository.headers)
        if not lacking:
            return repository
        if self.offline:
            raise UnreachableHub(repository.name, self.offline, self.remedy(repository.name))
        self._announce(repository.name)
        found = hub_client.with_headers(repository, lacking)
        hub_facts.remember(found)
        return found

    def _announce(self, name: str) -> None:
        if name not in self._announced:
            self._announced.add(name)
            self.announce(f"reading facts of {name} from the hub")
