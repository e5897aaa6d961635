"""The pool: loaded components by identity, so that a component that several steps use is loaded once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphflow.execute.events import ComponentDropped, ComponentLoaded, Event
from graphflow.execute.loader import load, move
from graphflow.system.malloc import return_freed_memory
from graphflow.values.component import Component

Loader = Callable[[Component], Any]


@dataclass(slots=True)
class Held:
    """A loaded component.

    Attributes:
        component: its description, as of the last step that used it.
        model: the loaded object.
        away: whether it was moved to the CPU's memory, since the running step does not use it.
    """

    component: Component
    model: Any
    away: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes on its device now."""
        return 0 if self.away else self.component.nbytes_in_use


class Pool:
    """Loaded components of one engine.

    Args:
        loader: loads a component from its description.
        budget: most bytes of components that stay loaded after a run; None for no limit.
        keep: whether components that the run does not use again stay loaded for the next run, within the budget.
        mover: moves a loaded component to the CPU's memory and back, for the run option `offload model`.
    """

    def __init__(
        self, loader: Loader = load, budget: int | None = None, *, keep: bool = True, mover: Callable[..., None] = move
    ) -> None:
        self._keep = keep
        self._loader = loader
        self._mover = mover
        self.budget = budget
        self._held: dict[str, Held] = {}

    def borrow(
        self,
        uses: Mapping[str, Component],
        next_use: Callable[[str], float],
        listener: Callable[[Event], None] | None = None,
        check: Callable[[], None] | None = None,
        room: int | None = None,
    ) -> dict[str, Any]:
        """Load the components of a step that are not loaded yet; returns all of them by role.

        First, components with `offload model` that the step does not use are moved away, and those that it uses are
        moved back. If the pool keeps nothing for later runs, components without a later use are evicted. Before each
        load, others are evicted until the new one fits, those first that are used again last or not at all. Without a
        load, too, components are evicted until there is room for what the step needs to compute.

        Args:
            uses: role → component.
            next_use: returns the number of the step that uses an identity next; infinity if no later step does.
            listener: called with the event of every load and eviction.
            check: called after each load; raises if the run was cancelled.
            room: most bytes of components beside the step, unless its own need more; None for the budget.
        """
        needed = {component.identity: component for component in uses.values()}
        most = self.budget if room is None else room
        self._move(needed, listener)
        if not self._keep:
            for identity in [one for one in self._held if one not in needed and next_use(one) == math.inf]:
                self._drop(identity, listener)
        for component in uses.values():
            if component.identity in self._held:
                continue
            self._make_room(needed, None if most is None else most - component.nbytes_in_use, next_use, listener)
            if self.budget is not None:
                # What earlier steps needed to compute, and a run keeps for later ones, counts too.
                return_freed_memory()
            start = time.perf_counter()
            self._held[component.identity] = Held(component, self._loader(component))
            if listener is not None:
                listener(
                    ComponentLoaded(
                        component.label or component.identity, component.nbytes, time.perf_counter() - start
                    )
                )
            if check is not None:
                check()
        if most is not None and self.nbytes > most:
            self._make_room(needed, most, next_use, listener)
        return {role: self._held[component.identity].model for role, component in uses.items()}

    def _make_room(
        self,
        needed: Mapping[str, Component],
        most: int | None,
        next_use: Callable[[str], float],
        listener: Callable[[Event], None] | None,
    ) -> None:
        """Evict components that the step does not need until the others take at most `most` bytes.

        Args:
            needed: identity → component of the step.
            most: None for no limit.
            next_use, listener: as for `borrow`.
        """
        for identity in sorted((i for i in self._held if i not in needed), key=next_use, reverse=True):
            if most is not None and self.nbytes > most and not self._held[identity].away:
                self._drop(identity, listener)

    def evict_others(self, uses: Mapping[str, Component], listener: Callable[[Event], None] | None = None) -> bool:
        """Evict all components that a step does not use; returns whether there were any."""
        needed = {component.identity for component in uses.values()}
        idle = [identity for identity in self._held if identity not in needed]
        for identity in idle:
            self._drop(identity, listener)
        return bool(idle)

    def _move(self, needed: Mapping[str, Component], listener: Callable[[Event], None] | None) -> None:
        """Move the components that are loaded to where the next step needs them; those away first, to make room."""
        for identity, held in list(self._held.items()):
            component = needed.get(identity)
            if component is None:
                if held.component.offload == "model" and not held.away:
                    self._mover(held.component, held.model, away=True)
                    held.away = True
            elif "group" in {component.offload, held.component.offload} and component.offload != held.component.offload:
                # The layers' hooks would stay, or are not there yet.
                self._drop(identity, listener)
        for identity in needed.keys() & self._held.keys():
            held = self._held[identity]
            held.component = needed[identity]
            if held.away:
                self._mover(held.component, held.model, away=False)
                held.away = False

    def shrink(self, listener: Callable[[Event], None] | None = None) -> None:
        """After a run: evict components until the rest fits the budget, those first that were loaded first."""
        while self.budget is not None and self._held and self.nbytes > self.budget:
            self._drop(next(iter(self._held)), listener)

    def clear(self) -> None:
        """Evict all components."""
        self._held.clear()

    @property
    def nbytes(self) -> int:
        """Bytes that all loaded components take on their devices, according to their descriptions."""
        return sum(held.nbytes for held in self._held.values())

    @property
    def loaded(self) -> tuple[tuple[Component, Any], ...]:
        """The loaded components, each with its description."""
        return tuple((held.component, held.model) for held in self._held.values())

    @property
    def identities(self) -> tuple[str, ...]:
        """Identities of the loaded components."""
        return tuple(self._held)

    def _drop(self, identity: str, listener: Callable[[Event], None] | None) -> None:
        component = self._held.pop(identity).component
        return_freed_memory()
        if listener is not None:
            listener(ComponentDropped(component.label or component.identity))
