"""The order of a run: of all ready steps, the first one that needs no load runs next, or else the first one at all.

The first items of lists come first, so that each is finished, and can be written, before the next one is begun. For the
same reason small components, such as decoders, are loaded as soon as they finish an item.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from graphflow.plan.sources import StepSource, step_outputs
from graphflow.values.sources import Gather

if TYPE_CHECKING:
    from graphflow.plan.lower import Draft

Needs = Mapping[str, int]
"""Identity of each component that a step uses → its bytes."""

AHEAD = 2**30
"""Most bytes of components that are loaded before their turn: several decoders, but no second large model."""

NO_ITEM = sys.maxsize


def in_order(
    steps: Sequence[Draft],
    outputs: Mapping[str, StepSource],
    batches: Sequence[tuple[int, ...]] = (),
    *,
    ahead: int = AHEAD,
) -> list[int]:
    """Numbers of the steps in the order in which they run.

    Producers run before readers. Of all steps that are ready, those whose components are loaded run first; ties are
    broken by the item of an output that a step is for, then by position in the document, so names don't matter. If
    these are for later items than a step that needs a load, that step runs first, as long as no more than `ahead` bytes
    of components are loaded so. It takes O(n log n) time.

    Args:
        steps: producers first.
        outputs: output of the graph → source.
        batches: groups of steps that run directly one after the other, as soon as all of them are ready; they use the
            same components.
        ahead: most bytes of components that are loaded before their turn.
    """
    first_items = _items(steps, outputs)
    units = _units(len(steps), batches)
    items = [min([first_items[index] for index in unit]) for unit in units]
    by_rank = sorted(range(len(units)), key=lambda unit: (items[unit], steps[units[unit][0]].position))
    rank = [0] * len(steps)
    for place, unit in enumerate(by_rank):
        for index in units[unit]:
            rank[index] = place
    readers: dict[int, list[int]] = {}
    waiting = [0] * len(units)
    queue = _Ready([items[unit] for unit in by_rank], ahead)
    for place, unit in enumerate(by_rank):
        producers = {rank[producer] for index in units[unit] for producer in steps[index].reads}
        waiting[place] = len(producers)
        for producer in producers:
            readers.setdefault(producer, []).append(place)
        if not producers:
            queue.push(place, _needs(steps[units[unit][0]]))
    order: list[int] = []
    while queue:
        done = queue.pop()
        order += units[by_rank[done]]
        for reader in readers.get(done, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                queue.push(reader, _needs(steps[units[by_rank[reader]][0]]))
    return order


def _units(count: int, batches: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The steps that run directly one after the other: batches, and all other steps alone."""
    together = {index: batch for batch in batches for index in batch}
    units = [together.get(index, (index,)) for index in range(count)]
    return [unit for index, unit in enumerate(units) if index == unit[0]]


def _items(steps: Sequence[Draft], outputs: Mapping[str, StepSource]) -> list[int]:
    """For each step the first item of an output that needs it; `NO_ITEM` if no item of a list does."""
    listed = [source.items for source in outputs.values() if isinstance(source, Gather)]
    found: dict[int, int] = {}
    for item in range(max(map(len, listed), default=0)):
        pending = [read.step for items in listed if item < len(items) for read in step_outputs(items[item])]
        while pending:
            index = pending.pop()
            if index not in found:
                found[index] = item
                pending += steps[index].reads
    return [found.get(index, NO_ITEM) for index in range(len(steps))]


def _needs(step: Draft) -> Needs:
    return {part.identity: part.nbytes for part in step.uses.values()} if step.uses else _NOTHING


_NOTHING: Needs = {}


class _Ready:
    """Ready steps by rank: a heap of those that need no load, and one of the others.

    Args:
        items: for each rank, the item that the step is for.
        ahead: most bytes of components that are loaded before their turn.
    """

    def __init__(self, items: Sequence[int], ahead: int) -> None:
        self._items = items
        self._ahead = ahead
        self._loaded: set[str] = set()
        self._free: list[int] = []
        self._blocked: dict[frozenset[str], list[int]] = {}
        self._first_blocked: list[int] = []
        """Ranks of blocked steps, and perhaps of some that no longer are."""
        self._needs: dict[int, Needs] = {}
        """The needs of every blocked step."""

    def __bool__(self) -> bool:
        return bool(self._free) or bool(self._blocked)

    def push(self, rank: int, needs: Needs) -> None:
        if needs.keys() <= self._loaded:
            heapq.heappush(self._free, rank)
            return
        self._needs[rank] = needs
        heapq.heappush(self._first_blocked, rank)
        self._blocked.setdefault(frozenset(needs), []).append(rank)

    def pop(self) -> int:
        while self._first_blocked and self._first_blocked[0] not in self._needs:
            heapq.heappop(self._first_blocked)
        if self._first_blocked:
            needs = self._needs[self._first_blocked[0]]
            if not self._free:
                self._load(needs)
            elif self._items[self._first_blocked[0]] < self._items[self._free[0]] < NO_ITEM:
                more = sum(nbytes for identity, nbytes in needs.items() if identity not in self._loaded)
                if more <= self._ahead:
                    self._ahead -= more
                    self._load(needs)
        return heapq.heappop(self._free)

    def _load(self, needs: Iterable[str]) -> None:
        self._loaded |= set(needs)
        for blocked in [blocked for blocked in self._blocked if blocked <= self._loaded]:
            for rank in self._blocked.pop(blocked):
                del self._needs[rank]
                heapq.heappush(self._free, rank)
