"""Calling the function of a step with its arguments and its context; inputs must not be changed by it."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.errors import StepError
from graphflow.execute.announcer import Announcer
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.context import StepContext
from graphflow.execute.events import StepProgress
from graphflow.execute.live_values import Held, Outside
from graphflow.execute.pool import Pool
from graphflow.execute.recheck import require_rules
from graphflow.execute.result import Cancelled
from graphflow.execute.returned import outputs_of
from graphflow.execute.step_problems import changed, step_error, warning
from graphflow.plan.step import PlannedStep
from graphflow.system.library_turns import TURNS
from graphflow.values.coerce import coerce


class Caller:
    """Calls the functions of a plan's steps.

    Args:
        held: values of the steps that are done.
        pool: loads the components.
        uses: identity of each component → the steps that use it, first to last.
        announcer: reports progress and warnings.
        cancellation: checked after every load, and whenever a step reports progress.
    """

    def __init__(
        self,
        held: Held,
        pool: Pool,
        uses: Mapping[str, tuple[int, ...]],
        announcer: Announcer,
        cancellation: Cancellation,
    ) -> None:
        self._held = held
        self._pool = pool
        self._uses = uses
        self._announcer = announcer
        self._cancellation = cancellation

    def call(self, number: int, step: PlannedStep) -> dict[str, Any]:
        """Call the function of a step whose inputs are held; returns its outputs by name.

        Raises:
            StepError: it failed.
            Cancelled: the run was cancelled.
            Exception: the listener raised it meanwhile.
        """
        try:
            arguments = self._arguments(number, step)
            stamps = [(name, value, stamp) for name, value in arguments.items() if (stamp := _stamp(value)) is not None]
            with TURNS.computing(kind_of(step)) if step.function.environment == "torch" else contextlib.nullcontext():
                returned = step.function.call(**arguments)
            self._announcer.raise_own()
            for name, value, stamp in stamps:
                if _stamp(value) != stamp:
                    raise changed(step, name)
            return outputs_of(step, returned)
        except (StepError, Cancelled):
            self._announcer.raise_own()
            raise
        except Outside as error:
            problem = error.refusal.at(step.node.place)
            raise StepError(step.path, dataclasses.replace(problem, used=step.node.used)) from error
        except Exception as error:
            self._announcer.raise_own()
            raise step_error(step, error) from error

    def _arguments(self, number: int, step: PlannedStep) -> dict[str, Any]:
        types = step.function.argument_types
        arguments = {name: coerce(self._held.value(source), types[name]) for name, source in step.inputs.items()}
        if step.recheck is not None:
            require_rules(step, step.recheck, self._held)
        arguments.update(step.params)
        if step.function.context is not None:
            arguments[step.function.context] = self._context(number, step)
        return arguments

    def _context(self, number: int, step: PlannedStep) -> StepContext:
        announcer = self._announcer
        components: Mapping[str, Any] = {}
        if step.uses:
            next_use = functools.partial(self._next_use, number)
            components = self._pool.borrow(step.uses, next_use, announcer.listener, self._cancellation.check)
        report: Callable[[int, int], None] | None = None
        if announcer.listener is not None:
            report = lambda done, total: announcer.send(StepProgress(step.path, done, total))  # noqa: E731
        warn = functools.partial(_warn, announcer, step)
        return StepContext(step.path, step.wanted, self._cancellation, report, components, warn)

    def _next_use(self, number: int, identity: str) -> float:
        """The first step from `number` on that uses a component; infinity if none does."""
        steps = self._uses.get(identity, ())
        place = bisect.bisect_left(steps, number)
        return steps[place] if place < len(steps) else math.inf


def _warn(announcer: Announcer, step: PlannedStep, message: str, why: str, fix: str) -> None:
    announcer.warn(step, warning(step, message, why, fix))


def kind_of(step: PlannedStep) -> int:
    """A hash of what determines the parts of the libraries that a step imports: its function and some of its params.

    These are texts, and the `kind` of data such as `Sampling`, which names a pipeline and a scheduler.
    """
    kinds = {
        name: value if isinstance(value, str) else getattr(value, "kind", None) for name, value in step.params.items()
    }
    words = [f"{name} {kind}" for name, kind in kinds.items() if kind is not None]
    return hash((step.function.identity, *words))


def _stamp(value: Any) -> Any:
    """A stamp that differs after a change in place; None for values that cannot be changed."""
    return getattr(value, "version", None)
