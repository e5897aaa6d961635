"""The order of a run: of all ready steps, the first one that needs no load runs next, or else the first one at all."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphflow.plan.sources import step_outputs

if TYPE_CHECKING:
    from graphflow.plan.lower import Draft

Needs = frozenset[str]
"""Identities of the components that a step uses."""


def in_order(steps: Sequence[Draft]) -> list[int]:
    """Numbers of the steps in the order in which they run.

    Producers run before readers. Of all steps that are ready, those whose components are loaded run first; ties are
    broken by position in the document, so names don't matter. It takes O(n log n) time.
    """
    rank = [0] * len(steps)
    for place, index in enumerate(sorted(range(len(steps)), key=lambda i: steps[i].position)):
        rank[index] = place
    by_rank = sorted(range(len(steps)), key=rank.__getitem__)
    readers: dict[int, list[int]] = {}
    waiting = [0] * len(steps)
    for index, step in enumerate(steps):
        producers = {read.step for source in step.inputs.values() for read in step_outputs(source)}
        waiting[index] = len(producers)
        for producer in producers:
            readers.setdefault(producer, []).append(index)
    queue = _Ready()
    for index, step in enumerate(steps):
        if not waiting[index]:
            queue.push(rank[index], _needs(step))
    order: list[int] = []
    while queue:
        index = by_rank[queue.pop()]
        order.append(index)
        for reader in readers.get(index, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                queue.push(rank[reader], _needs(steps[reader]))
    return order


def _needs(step: Draft) -> Needs:
    return frozenset(component.identity for component in step.uses.values()) if step.uses else _NOTHING


_NOTHING: Needs = frozenset()


class _Ready:
    """Ready steps: a heap for those that need no load, and one for each set of components that is not loaded yet."""

    def __init__(self) -> None:
        self._loaded: set[str] = set()
        self._free: list[int] = []
        self._blocked: dict[Needs, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._free) or bool(self._blocked)

    def push(self, rank: int, needs: Needs) -> None:
        heap = self._free if needs <= self._loaded else self._blocked.setdefault(needs, [])
        heapq.heappush(heap, rank)

    def pop(self) -> int:
        if not self._free:
            first = min(self._blocked, key=lambda needs: self._blocked[needs][0])
            self._loaded |= first
            for needs in [needs for needs in self._blocked if needs <= self._loaded]:
                for rank in self._blocked.pop(needs):
                    heapq.heappush(self._free, rank)
        return heapq.heappop(self._free)
