"""What a run gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from graphflow.errors import GraphflowError, StepError
from graphflow.problems import Problem
from graphflow.text_helpers.words import counted


@dataclass
class Result:
    """The outputs of a run and what happened to its steps.

    Attributes:
        outputs: output name → value; a tuple where the output is a list.
        executed: paths of the steps that ran, in that order.
        cached: paths of the steps whose result was taken from a store.
        warnings: what the steps that ran told of themselves.
        failed: path → what went wrong.
        not_run: path → why a step that the plan has did not run.
        skipped: path → why a node is not in the plan (`when`, or something it needs is absent).
        absent: output name → why it has no value, or not its whole one.
        partial: name of a list output that is not whole → number of each finished item, from 0 → its value.
        missing: name of such an output → number of each item that is not there → why.
        seed: the run's seed.
        seconds: from the first step to the last.
        state: `done`; `failed` where a step failed; `cancelled`; `error` where something other than a step ended
            the run, such as its listener.
        error: what that was, in a line; empty in every other state.
    """

    seed: int = 0
    outputs: dict[str, Any] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    failed: dict[str, StepError] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    partial: dict[str, dict[int, Any]] = field(default_factory=dict)
    missing: dict[str, dict[int, str]] = field(default_factory=dict)
    seconds: float = 0.0
    state: Literal["done", "failed", "cancelled", "error"] = "done"
    error: str = ""

    def __getitem__(self, name: str) -> Any:
        """The output `name`.

        Raises:
            GraphflowError: it has no value, or not its whole one; says why.
        """
        if name in self.outputs:
            return self.outputs[name]
        if name in self.partial:
            why = f"{self.absent[name]}; the finished items are in .partial[{name!r}]"
            raise GraphflowError(f"the output {name} is not complete: {why}")
        if name in self.absent:
            raise GraphflowError(f"the output {name} is absent: {self.absent[name]}")
        known = ", ".join([*self.outputs, *self.absent])
        raise GraphflowError(f"the run has no output {name}; it has {known or 'none'}")

    def __contains__(self, name: object) -> bool:
        return name in self.outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)


_MOST_NAMED = 5


def items_missing(missing: Mapping[int, str], count: int) -> str:
    """Which of `count` items are missing and why, the first ones by name: `1 of 3 items is missing: 1 (x failed)`."""
    named = [f"{index} ({why})" for index, why in list(missing.items())[:_MOST_NAMED]]
    more = f" and {len(missing) - len(named)} more" if len(missing) > len(named) else ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{len(missing)} of {counted(count, 'item')} {verb} missing: {', '.join(named)}{more}"


class Cancelled(GraphflowError):
    """The run was cancelled by its caller; the engine stays usable.

    Attributes:
        result: what was done until then; None where the run had not begun.
    """

    result: Result | None = None


class RunFailed(GraphflowError):
    """A step of the run failed; what did not depend on it is finished and in `.result`."""

    def __init__(self, result: Result) -> None:
        self.result = result
        failures = [str(error) for error in result.failed.values()]
        super().__init__("\n".join(failures))
