"""A run's use of a store: it looks up recipes, reads contents, and stores new results with their digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from graphflow.execute.recipe_keys import BatchPlace, recipe_key
from graphflow.plan.step import PlannedStep
from graphflow.store.store import GONE, Store
from graphflow.values.any_value import digest_of

T = TypeVar("T")


class Kept:
    """The results of a plan's steps in a store.

    A run does not depend on its store: after the first failure of the store, or of computing keys and digests for it,
    the failure is reported and the run continues without a store. A store that cannot take a result is still read.

    Args:
        store: where results are looked up and kept; None keeps nothing and computes no keys.
        count: number of steps of the plan.
        environment: returns the environment of a kind of steps; None if it is not known.
        failed: called with the step at which the store failed, the error, and whether the store is still read.
    """

    def __init__(
        self,
        store: Store | None,
        count: int,
        environment: Callable[[str], str | None],
        failed: Callable[[PlannedStep, Exception, bool], None],
    ) -> None:
        self._store = store
        self._environment = environment
        self._failed = failed
        self._full = False
        self._digests: list[Mapping[str, str] | None] = [None] * count
        self._last: tuple[object, str | None] = None, None
        """What the last recipe key was computed for, and that key; a step's key is needed several times in a row."""

    def knows(self, number: int, step: PlannedStep, place: BatchPlace | None = None) -> bool:
        """Whether the store knows the result of a step; if so, the digests of its outputs are remembered.

        Args:
            number: of the step.
            step: that step.
            place: in the call that computes it with others; None if it is computed alone.
        """
        if self._store is None or not step.cache:
            return False
        record = self._attempt(step, None, self._lookup, number, step, place)
        if record is None or not step.wanted <= record.keys():
            return False
        self._note(number, dict(record))
        return True

    def content(self, number: int, step: PlannedStep, output: str) -> Any:
        """The value of a step's output; `GONE` if it is not in the store."""
        digests = self._digests[number]
        if self._store is None or digests is None or output not in digests:
            return GONE
        return self._attempt(step, GONE, self._store.content, digests[output])

    def keep(self, number: int, step: PlannedStep, outputs: Mapping[str, Any], place: BatchPlace | None = None) -> None:
        """Put the outputs of a step into the store; see `knows` for `place`."""
        if self._store is not None:
            self._attempt(step, None, self._put, number, step, outputs, place)

    def making(
        self, steps: Mapping[int, PlannedStep], places: Mapping[int, BatchPlace | None], waiting: Callable[[], None]
    ) -> AbstractContextManager[bool]:
        """Inside the block, no other process computes these steps; its value is whether another one did so meanwhile.

        Args:
            steps: number → step.
            places: number → place in the call that computes them together.
            waiting: called again and again while another process computes one of them; may raise to stop the wait.
        """
        keys = [self._attempt(step, None, self._key, number, step, places[number]) for number, step in steps.items()]
        known = [key for key in keys if key is not None]
        return self._store.making(known, waiting) if known and self._store is not None else nullcontext(False)

    def end(self) -> None:
        """Drop the references to store and listener, so that only the caller keeps a run and its result alive."""
        self._store = None
        self._failed = lambda *_: None

    def _lookup(self, number: int, step: PlannedStep, place: BatchPlace | None) -> Mapping[str, str] | None:
        key = self._key(number, step, place)
        return None if key is None or self._store is None else self._store.lookup(key)

    def _key(self, number: int, step: PlannedStep, place: BatchPlace | None) -> str | None:
        if not step.cache or self._store is None:
            return None
        environment = self._environment(step.function.environment)
        if self._last[0] != (number, step.key, environment, place):
            key = recipe_key(step, self._digests, environment, place)
            self._last = (number, step.key, environment, place), key
        return self._last[1]

    def _note(self, number: int, digests: Mapping[str, str]) -> None:
        """Remember the digests of a step's outputs, on which the keys of its readers depend."""
        self._digests[number] = digests
        self._last = None, None

    def _put(self, number: int, step: PlannedStep, outputs: Mapping[str, Any], place: BatchPlace | None) -> None:
        digests = {name: digest_of(value) for name, value in outputs.items()}
        key = self._key(number, step, place)
        self._note(number, digests)
        if key is not None and self._store is not None and not self._full:
            try:
                self._store.put(key, {name: (digests[name], value) for name, value in outputs.items()}, step.key)
            except Exception as error:  # noqa: BLE001
                self._full = True
                self._failed(step, error, True)

    def _attempt(self, step: PlannedStep, otherwise: T, act: Callable[..., T], *arguments: Any) -> T:
        """The return value of `act`; `otherwise` if it fails."""
        try:
            return act(*arguments)
        except Exception as error:  # noqa: BLE001
            self._store = None
            self._failed(step, error, False)
            return otherwise
