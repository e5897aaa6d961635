"""The switch that stops a run: checked before each step, whenever a step reports progress, and after each load."""

from __future__ import annotations

from graphflow.execute.result import Cancelled


class Cancellation:
    """A switch that another thread or a signal handler can turn on."""

    def __init__(self) -> None:
        self.requested = False

    def check(self) -> None:
        """Stop the run if cancellation was requested.

        Raises:
            Cancelled: it was requested.
        """
        if self.requested:
            raise Cancelled("the run was cancelled")
