"""Calling the function of a step, or of several at once, with arguments and context; it must not change its inputs."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.errors import DefinitionError, InvalidValue, StepError
from graphflow.execute.announcer import Announcer
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.context import StepContext
from graphflow.execute.events import StepProgress
from graphflow.execute.live_values import Held, Outside
from graphflow.execute.out_of_memory import is_out_of_memory
from graphflow.execute.pool import Pool
from graphflow.execute.recheck import require_rules
from graphflow.execute.result import Cancelled
from graphflow.execute.returned import outputs_of
from graphflow.execute.step_problems import changed, reason_of, step_error, warning
from graphflow.plan.lifetimes import Lifetimes
from graphflow.plan.step import PlannedStep
from graphflow.system.library_turns import TURNS
from graphflow.text_helpers.words import counted
from graphflow.values.coerce import coerce


class BatchFailed(Exception):
    """A call that computes several steps failed, or one of them gave a warning; each can still be computed alone.

    Attributes:
        reason: in one line; empty if one of the steps gave a warning, which has to name that step.
        out_of_memory: whether fewer steps at a time may succeed.
    """

    def __init__(self, reason: str, *, out_of_memory: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.out_of_memory = out_of_memory


class _Warned(Exception):
    """A step gave a warning in a call that computes several steps."""


class Caller:
    """Calls the functions of a plan's steps.

    Args:
        held: values of the steps that are done.
        pool: loads the components.
        lives: what each step needs, and which steps use each component.
        limit: most bytes for components and what a step needs; None for no limit.
        announcer: reports progress and warnings.
        cancellation: checked after every load, and whenever a step reports progress.
    """

    def __init__(
        self,
        held: Held,
        pool: Pool,
        lives: Lifetimes,
        limit: int | None,
        announcer: Announcer,
        cancellation: Cancellation,
    ) -> None:
        self._held = held
        self._pool = pool
        self._uses = lives.uses
        self._needs = lives.needs
        self._limit = limit
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
            arguments = self._values(step)
            context = self._context(number, step, functools.partial(_warn, self._announcer, step))
            returned = self._returned(step, step.function.call, arguments, context, [arguments])
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

    def can_call(self, step: PlannedStep) -> bool:
        """Whether the arguments of a step whose inputs are held are valid; if not, `call` raises the reason."""
        try:
            self._values(step)
        except Exception:  # noqa: BLE001
            return False
        return True

    def call_together(self, numbers: Sequence[int], steps: Sequence[PlannedStep]) -> list[dict[str, Any]]:
        """Compute steps with the same function and valid arguments in one call; returns the outputs of each by name.

        Raises:
            BatchFailed: it failed, or one of the steps gave a warning.
            Cancelled: the run was cancelled.
            Exception: the listener raised it meanwhile.
        """
        first = steps[0]
        try:
            if first.function.batched is None:
                raise DefinitionError(f"{first.path} cannot be computed together with other steps")
            each = [self._values(step) for step in steps]
            arguments = {name: [values[name] for values in each] for name in each[0]}
            context = self._context(numbers[0], first, _refuse_warning)
            returned = self._returned(first, first.function.batched, arguments, context, each)
            if len(returned) != len(steps):
                raise InvalidValue(f"it returned {counted(len(returned), 'result')} for {counted(len(steps), 'step')}")
            return [outputs_of(step, one) for step, one in zip(steps, returned, strict=True)]
        except Cancelled:
            self._announcer.raise_own()
            raise
        except Exception as error:
            self._announcer.raise_own()
            reason = "" if isinstance(error, _Warned) else reason_of(error)
            raise BatchFailed(reason, out_of_memory=is_out_of_memory(error)) from error

    def _returned(
        self,
        step: PlannedStep,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        context: StepContext | None,
        values: Sequence[Mapping[str, Any]],
    ) -> Any:
        """Call a function; returns its result.

        Raises:
            StepError: it changed one of `values`, the arguments of each step.
        """
        stamps = [
            (name, value, stamp)
            for one in values
            for name, value in one.items()
            if (stamp := _stamp(value)) is not None
        ]
        given = {} if step.function.context is None else {step.function.context: context}
        with TURNS.computing(kind_of(step)) if step.function.environment == "torch" else contextlib.nullcontext():
            returned = function(**arguments, **given)
        self._announcer.raise_own()
        for name, value, stamp in stamps:
            if _stamp(value) != stamp:
                raise changed(step, name)
        return returned

    def _values(self, step: PlannedStep) -> dict[str, Any]:
        types = step.function.argument_types
        arguments = {name: coerce(self._held.value(source), types[name]) for name, source in step.inputs.items()}
        if step.recheck is not None:
            require_rules(step, step.recheck, self._held)
        arguments.update(step.params)
        return arguments

    def _context(self, number: int, step: PlannedStep, warn: Callable[[str, str, str], None]) -> StepContext | None:
        """The context of a call; None if the function takes none."""
        if step.function.context is None:
            return None
        announcer = self._announcer
        components: Mapping[str, Any] = {}
        if step.uses:
            next_use = functools.partial(self._next_use, number)
            room = None if self._limit is None else self._limit - self._needs[number]
            components = self._pool.borrow(step.uses, next_use, announcer.listener, self._cancellation.check, room)
        report: Callable[[int, int], None] | None = None
        if announcer.listener is not None:
            report = lambda done, total: announcer.send(StepProgress(step.path, done, total))  # noqa: E731
        return StepContext(step.path, step.wanted, self._cancellation, report, components, warn)

    def _next_use(self, number: int, identity: str) -> float:
        """The first step from `number` on that uses a component; infinity if none does."""
        steps = self._uses.get(identity, ())
        place = bisect.bisect_left(steps, number)
        return steps[place] if place < len(steps) else math.inf


def _warn(announcer: Announcer, step: PlannedStep, message: str, why: str, fix: str) -> None:
    announcer.warn(step, warning(step, message, why, fix))


def _refuse_warning(*_: str) -> None:
    """Raise `_Warned`: a warning must name its step, which a call that computes several steps does not know."""
    raise _Warned


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
