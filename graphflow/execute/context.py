"""The implementation of `graphflow.Context`: the object that a step function receives as its context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.errors import DefinitionError
from graphflow.execute.cancellation import Cancellation
from graphflow.system.library_turns import TURNS


class StepContext:
    """The context of one step; see `graphflow.Context` for its methods.

    Args:
        path: path of the step, for messages.
        wanted: the step's outputs that something reads.
        cancellation: checked whenever the step reports progress.
        report: called with (done, total); None if the run has no listener.
        components: role → loaded component, for each role that the step declares in `uses`.
        warn: called with the message, reason and fix of a warning.
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
        """Report that `done` of `total` parts are done; raises `Cancelled` if the run was cancelled."""
        self._cancellation.check()
        if self._report is not None:
            self._report(done, total)
        TURNS.pause()

    def warn(self, message: str, why: str = "", fix: str = "") -> None:
        """Report something that was probably not intended; the step continues."""
        self._warn(message, why, fix)

    def borrow(self, role: str) -> Any:
        """Return the loaded component with this role.

        Raises:
            DefinitionError: the step does not declare it in `uses`.
        """
        if role not in self._components:
            known = ", ".join(self._components) or "none"
            raise DefinitionError(f"{self._path} borrows {role}, and declares {known}")
        return self._components[role]

    def generator(self, seed: int) -> Any:
        """Return a new torch generator on the CPU with this seed (0 ≤ seed < 2**64)."""
        from graphflow.values.tensors import generator

        return generator(seed)
