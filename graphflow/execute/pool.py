"""The pool: loaded components by identity, so that what two steps share is loaded once."""

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
        budget: most bytes that are loaded at a time, where one step alone does not need more; None for no limit.
        keep: whether what the run does not use again stays for the next run, where the budget lets it.
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
        tell: Callable[[Event], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """The loaded components of a step, role by role.

        `next_use` says of an identity which later step uses it next, infinity where none does. Before another is
        loaded what is used last, or not at all, goes as far as the budget asks for it; where nothing is kept for
        another run, all that no later step uses goes. After each load `check` is called, which raises where the
        run is to stop.
        """
        needed = {component.identity for component in uses.values()}
        for component in uses.values():
            if component.identity in self._held:
                continue
            idle = sorted((i for i in self._held if i not in needed), key=next_use, reverse=True)
            for identity in idle:
                over = self.budget is not None and self.nbytes + component.nbytes > self.budget
                if over or (not self._keep and next_use(identity) == math.inf):
                    self._drop(identity, tell)
            start = time.perf_counter()
            self._held[component.identity] = (component, self._loader(component))
            if tell is not None:
                tell(
                    ComponentLoaded(
                        component.label or component.identity, component.nbytes, time.perf_counter() - start
                    )
                )
            if check is not None:
                check()
        return {role: self._held[component.identity][1] for role, component in uses.items()}

    def shrink(self, tell: Callable[[Event], None] | None = None) -> None:
        """After a run: let the components loaded longest ago go until the rest fits the budget."""
        while self.budget is not None and self._held and self.nbytes > self.budget:
            self._drop(next(iter(self._held)), tell)

    def clear(self) -> None:
        """Let everything go."""
        self._held.clear()

    @property
    def nbytes(self) -> int:
        """Bytes of all loaded components, as their descriptions say."""
        return sum(component.nbytes for component, _ in self._held.values())

    @property
    def loaded(self) -> tuple[tuple[Component, Any], ...]:
        """The loaded components, each with its description."""
        return tuple(self._held.values())

    @property
    def identities(self) -> tuple[str, ...]:
        """Identities of the loaded components."""
        return tuple(self._held)

    def _drop(self, identity: str, tell: Callable[[Event], None] | None) -> None:
        component, _ = self._held.pop(identity)
        if tell is not None:
            tell(ComponentDropped(component.label or component.identity))
