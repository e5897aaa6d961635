"""The pool: loaded components by identity, so that a component that several steps use is loaded once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.execute.events import ComponentDropped, ComponentLoaded, Event
from graphflow.execute.loader import load
from graphflow.values.component import Component

Loader = Callable[[Component], Any]


class Pool:
    """Loaded components of one engine.

    Args:
        loader: loads a component from its description.
        budget: most bytes of components that are loaded at a time, unless a single step needs more; None for no limit.
        keep: whether components that the run does not use again stay loaded for the next run, within the budget.
    """

    def __init__(self, loader: Loader = load, budget: int | None = None, *, keep: bool = True) -> None:
        self._keep = keep
        self._loader = loader
        self.budget = budget
        self._held: dict[str, tuple[Component, Any]] = {}

    def borrow(
        self,
        uses: Mapping[str, Component],
        next_use: Callable[[str], float],
        listener: Callable[[Event], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Load the components of a step that are not loaded yet; returns all of them by role.

        Before each load, components are evicted until the new one fits the budget, those first that are used again
        last or not at all. If the pool keeps nothing for later runs, all components without a later use are evicted.

        Args:
            uses: role → component.
            next_use: returns the number of the step that uses an identity next; infinity if no later step does.
            listener: called with the event of every load and eviction.
            check: called after each load; raises if the run was cancelled.
        """
        needed = {component.identity for component in uses.values()}
        for component in uses.values():
            if component.identity in self._held:
                continue
            idle = sorted((i for i in self._held if i not in needed), key=next_use, reverse=True)
            for identity in idle:
                over = self.budget is not None and self.nbytes + component.nbytes > self.budget
                if over or (not self._keep and next_use(identity) == math.inf):
                    self._drop(identity, listener)
            start = time.perf_counter()
            self._held[component.identity] = (component, self._loader(component))
            if listener is not None:
                listener(
                    ComponentLoaded(
                        component.label or component.identity, component.nbytes, time.perf_counter() - start
                    )
                )
            if check is not None:
                check()
        return {role: self._held[component.identity][1] for role, component in uses.items()}

    def shrink(self, listener: Callable[[Event], None] | None = None) -> None:
        """After a run: evict components until the rest fits the budget, those first that were loaded first."""
        while self.budget is not None and self._held and self.nbytes > self.budget:
            self._drop(next(iter(self._held)), listener)

    def clear(self) -> None:
        """Evict all components."""
        self._held.clear()

    @property
    def nbytes(self) -> int:
        """Bytes of all loaded components, according to their descriptions."""
        return sum(component.nbytes for component, _ in self._held.values())

    @property
    def loaded(self) -> tuple[tuple[Component, Any], ...]:
        """The loaded components, each with its description."""
        return tuple(self._held.values())

    @property
    def identities(self) -> tuple[str, ...]:
        """Identities of the loaded components."""
        return tuple(self._held)

    def _drop(self, identity: str, listener: Callable[[Event], None] | None) -> None:
        component, _ = self._held.pop(identity)
        if listener is not None:
            listener(ComponentDropped(component.label or component.identity))
