"""The announcer: passes events to a run's listener, and keeps the listener's errors apart from those of steps."""

from __future__ import annotations

from graphflow.execute.events import Event, Listener, StepWarned
from graphflow.execute.result import Result
from graphflow.execute.step_problems import store_failed
from graphflow.plan.step import PlannedStep
from graphflow.problems import Problem


class Announcer:
    """Passes events to one listener.

    Args:
        listener: called with every event, in this thread; None for none.
        result: collects the warnings.
    """

    def __init__(self, listener: Listener | None, result: Result) -> None:
        self.listener = listener
        self._result = result
        self._error: Exception | None = None

    def send(self, event: Event) -> None:
        """Pass an event to the listener; raises the error that the listener raises."""
        if self.listener is None:
            return
        try:
            self.listener(event)
        except Exception as error:
            # It is raised inside a step that reports its progress, which could catch it, or fail with it.
            self._error = error
            raise

    def warn(self, step: PlannedStep, problem: Problem) -> None:
        """Add a step's warning to the result, and pass it to the listener."""
        self._result.warnings.append(problem)
        self.send(StepWarned(step.path, problem))

    def store_failed(self, step: PlannedStep, error: Exception, still_read: bool) -> None:
        """Report a failure of the store of results as a warning of the step at which it failed."""
        self.warn(step, store_failed(step, error, still_read=still_read))

    def raise_own(self) -> None:
        """Raise the listener's error, even if the step in which it was raised caught it."""
        if self._error is not None:
            raise self._error
