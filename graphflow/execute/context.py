"""The engine's side of `graphflow.Context`: what a step function gets for an argument of that type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.errors import DefinitionError
from graphflow.execute.cancellation import Cancellation
from graphflow.system.library_turns import TURNS


class StepContext:
    """The engine's side of `graphflow.Context`, for one step.

    Args:
        path: of the step, for messages.
        wanted: outputs that somebody reads.
        cancellation: asked at every progress.
        report: called with (done, total); None where nobody listens.
        components: role → loaded component.
        warn: called with a warning's message, why and fix.
    """

    def __init__(
        self,
        path: str,
        wanted: frozenset[str],
        cancellation: Cancellation,
        report: Callable[[int, int], None] | None,
        components: Mapping[str, Any],
        warn: Callable[[str, str, str], None],
    ) -> None:
        self.wanted = wanted
        self._path = path
        self._cancellation = cancellation
        self._report = report
        self._components = components
        self._warn = warn

    def progress(self, done: int, total: int) -> None:
        """Tell that `done` of `total` parts are done; raises `Cancelled` where the run is to stop."""
        self._cancellation.check()
        if self._report is not None:
            self._report(done, total)
        TURNS.pause()

    def warn(self, message: str, why: str = "", fix: str = "") -> None:
        """Tell what was probably not meant; the step goes on."""
        self._warn(message, why, fix)

    def borrow(self, role: str) -> Any:
        """The loaded component of this role.

        Raises:
            DefinitionError: the step does not declare it in `uses`.
        """
        if role not in self._components:
            known = ", ".join(self._components) or "none"
            raise DefinitionError(f"{self._path} borrows {role}, and declares {known}")
        return self._components[role]

    def generator(self, seed: int) -> Any:
        """A new torch generator on the CPU with this seed (0 ≤ seed < 2**64)."""
        from graphflow.values.tensors import generator

        return generator(seed)
