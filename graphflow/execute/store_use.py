"""A run's use of a store: it looks up recipes, reads contents, and stores new results with their digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from graphflow.execute.recipe_keys import BatchPlace, recipe_key
from graphflow.plan.step import PlannedStep
from graphflow.store.store import GONE, Store
from graphflow.values.any_value import digest_of

T = TypeVar("T")


class Kept:
    """The results of a plan's steps in a store.

    A run does not depend on its store: after the first failure of the store, or of computing keys and digests for it,
    the failure is reported and the run continues without a store.

    Args:
        store: where results are looked up and kept; None keeps nothing and computes no keys.
        count: number of steps of the plan.
        failed: called with the step at which the store failed, and the error.
    """

    def __init__(self, store: Store | None, count: int, failed: Callable[[PlannedStep, Exception], None]) -> None:
        self._store = store
        self._failed = failed
        self._digests: list[Mapping[str, str] | None] = [None] * count

    def knows(self, number: int, step: PlannedStep, place: BatchPlace | None = None) -> bool:
        """Whether the store knows the result of a step; if so, the digests of its outputs are remembered.

        Args:
            number: of the step.
            step: that step.
            place: in the call that computes it with others; None if it is computed alone.
        """
        if self._store is None or not step.cache:
            return False
        record = self._attempt(step, None, self._lookup, step, place)
        if record is None or not step.wanted <= record.keys():
            return False
        self._digests[number] = dict(record)
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

    def end(self) -> None:
        """Drop the references to store and listener, so that only the caller keeps a run and its result alive."""
        self._store = None
        self._failed = lambda *_: None

    def _lookup(self, step: PlannedStep, place: BatchPlace | None) -> Mapping[str, str] | None:
        key = recipe_key(step, self._digests, place)
        return None if key is None or self._store is None else self._store.lookup(key)

    def _put(self, number: int, step: PlannedStep, outputs: Mapping[str, Any], place: BatchPlace | None) -> None:
        digests = {name: digest_of(value) for name, value in outputs.items()}
        if step.cache and self._store is not None:
            key = recipe_key(step, self._digests, place)
            if key is not None:
                self._store.put(key, {name: (digests[name], value) for name, value in outputs.items()})
        self._digests[number] = digests

    def _attempt(self, step: PlannedStep, otherwise: T, act: Callable[..., T], *arguments: Any) -> T:
        """The return value of `act`; `otherwise` if it fails."""
        try:
            return act(*arguments)
        except Exception as error:  # noqa: BLE001
            self._store = None
            self._failed(step, error)
            return otherwise
