"""The interface of stores, which keep results for later runs.

A store is an index from recipe keys to digests of outputs, and contents by digest. It may lose contents at any time; a
run that needs them makes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Gone:
    """The type of `GONE`, which `Store.content` returns if the store no longer has the content."""


GONE = Gone()


class Store(Protocol):
    """An action index and a content store.

    Engines in several threads may share one. If a method raises an error, the run reports it once and goes on.
    """

    def lookup(self, key: str) -> Mapping[str, str] | None:
        """Output name → digest of the recipe `key`; None if the recipe is not known."""

    def content(self, digest: str) -> Any:
        """The value with this digest; `GONE` if the store does not have it."""

    def has(self, digest: str) -> bool:
        """Whether the store has the content with this digest, as far as it can say without reading it."""

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]], recipe: str = "") -> None:
        """Keep the result of a step.

        Args:
            key: the recipe key.
            outputs: output name → its digest and value.
            recipe: a digest of the step without its inputs, for `knows_recipe`; empty to leave it out.
        """

    def knows_recipe(self, recipe: str) -> bool:
        """Whether the index has a result with this `recipe`, made from whichever inputs."""

    def making(self, keys: Sequence[str], waiting: Callable[[], None]) -> AbstractContextManager[bool]:
        """Inside the block, no other thread or process that uses this store computes the results of `keys`.

        Args:
            keys: recipe keys of steps that are computed in one call.
            waiting: called about every 50 ms while another thread or process computes one of them; an exception that
                it raises ends the wait.

        Returns:
            A context manager. Its value says whether another one may have put the results since the caller last looked
            them up.
        """

    def running(self) -> AbstractContextManager[None]:
        """Inside the block, which is a run, the store keeps what it is asked for and given as long as it can."""

    def facts(self, machine: str) -> str | None:
        """What `report` was last given for a description of a machine; None if nothing is known."""

    def report(self, machine: str, facts: str) -> None:
        """Remember the facts on which results depend and which only torch can find out.

        Args:
            machine: a description of the machine that is found without torch.
            facts: what torch reported on it.
        """

    def close(self) -> None:
        """Free what the store holds in this process; the store can still be used afterwards."""
