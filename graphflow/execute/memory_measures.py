"""What a run does if a step runs out of memory: one measure after the other, and the step is tried again after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphflow.execute.events import Event, MemorySaved
from graphflow.execute.pool import Pool
from graphflow.plan.recipe import key_of
from graphflow.plan.savings import MOVED, TILES, moved, tiled
from graphflow.plan.step import PlannedStep
from graphflow.values.tensors import free_caches

EVICTED = "eviction"
"""The measure that evicts all components that the step does not use; it does not change results."""


class MemoryMeasures:
    """The measures for the steps of a run, cheapest first; each is taken once for a step, if it has an effect.

    Args:
        pool: whose components make room.
        device: on which models run, as torch names it.
        send: called with the events.
    """

    def __init__(self, pool: Pool, device: str, send: Callable[[Event], None]) -> None:
        self._pool = pool
        self._device = device
        self._send = send
        self._left: dict[int, Iterator[tuple[str, PlannedStep]]] = {}

    def next(self, number: int, step: PlannedStep) -> PlannedStep | None:
        """The step as it is to be tried again, after memory ran out; None if there is nothing left to save.

        Args:
            number: of the step in the plan.
            step: as it was tried.
        """
        if not step.uses:
            return None
        left = self._left.setdefault(number, self._measures(step))
        measure, changed = next(left, ("", None))
        if changed is not None:
            self._pool.evict_others(changed.uses, self._send)
            free_caches(self._device)
            self._send(MemorySaved(step.path, measure, "the step ran out of memory, and is tried again"))
        return changed

    def _measures(self, step: PlannedStep) -> Iterator[tuple[str, PlannedStep]]:
        own = {part.identity for part in step.uses.values()}
        if self._device != "cpu" or not own >= set(self._pool.identities):
            yield EVICTED, step
        uses = tiled(step.uses)
        if uses != step.uses:
            step = step._replace(uses=uses, key=key_of(step.function, step.params, uses))
            yield TILES, step
        if self._device != "cpu" and any(part.nbytes_in_use for part in step.uses.values()):
            yield MOVED[-1], step._replace(uses=moved(step.uses, "group"))
