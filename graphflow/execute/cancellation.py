"""The switch that stops a run: asked before each step, at each progress of a step, and after each load."""

from __future__ import annotations

from graphflow.execute.result import Cancelled


class Cancellation:
    """A switch that another thread, or a signal handler, turns on."""

    def __init__(self) -> None:
        self.requested = False

    def check(self) -> None:
        """Stop the run if somebody asked for it.

        Raises:
            Cancelled: somebody did.
        """
        if self.requested:
            raise Cancelled("the run was cancelled")
