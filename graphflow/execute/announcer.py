"""The announcer: tells a run's listener what happens, and keeps the listener's failures apart from those of steps."""

from __future__ import annotations

from graphflow.execute.events import Event, Listener, StepWarned
from graphflow.execute.result import Result
from graphflow.execute.step_problems import store_failed
from graphflow.plan.step import PlannedStep
from graphflow.problems import Problem


class Announcer:
    """Tells one listener.

    Args:
        listener: called with every event, in this thread; None if nothing listens.
        result: gets the warnings.
    """

    def __init__(self, listener: Listener | None, result: Result) -> None:
        self.listener = listener
        self._result = result
        self._error: Exception | None = None

    def tell(self, event: Event) -> None:
        """Pass an event on; raises what the listener raises."""
        if self.listener is None:
            return
        try:
            self.listener(event)
        except Exception as error:
            # A step that reports its progress must not take this for a failure of its own, nor catch it.
            self._error = error
            raise

    def warn(self, step: PlannedStep, problem: Problem) -> None:
        """Note a warning of a step, and pass it on."""
        self._result.warnings.append(problem)
        self.tell(StepWarned(step.path, problem))

    def store_failed(self, step: PlannedStep, error: Exception) -> None:
        """Note that the store of results failed at a step, as a warning of it."""
        self.warn(step, store_failed(step, error))

    def raise_own(self) -> None:
        """Raise what the listener raised during a step, whatever the step made of it."""
        if self._error is not None:
            raise self._error
