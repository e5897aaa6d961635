"""The result of a run, and the errors that carry it: `Cancelled` and `RunFailed`."""

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
        outputs: output name → value; a tuple if the output is a list.
        executed: paths of the steps that ran, in the order in which they ran.
        cached: paths of the steps whose result was taken from a store.
        warnings: warnings of the steps that ran, and of the store of results.
        failed: path → error of each step that failed.
        not_run: path → reason, for each step of the plan that did not run.
        skipped: path → reason, for each node that is not in the plan (`when`, or something that it needs is absent).
        absent: output name → reason, for each output that has no value or lacks items.
        partial: name of each list output that lacks items → index of each finished item → its value.
        missing: name of each such output → index of each missing item → reason.
        seed: the run's seed.
        seconds: from the first step to the last.
        state: `done`; `failed` if a step failed; `cancelled`; `error` if something other than a step ended the run,
            such as its listener.
        error: in the state `error`, what ended the run, in one line; otherwise empty.
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
            GraphflowError: it has no value or lacks items; the message names the reason.
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
    """The first few missing items of `count` and the reasons, as text: `1 of 3 items is missing: 1 (x failed)`."""
    named = [f"{index} ({why})" for index, why in list(missing.items())[:_MOST_NAMED]]
    more = f" and {len(missing) - len(named)} more" if len(missing) > len(named) else ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{len(missing)} of {counted(count, 'item')} {verb} missing: {', '.join(named)}{more}"


class Cancelled(GraphflowError):
    """The run was cancelled by its caller; the engine stays usable.

    Attributes:
        result: the result up to then; None if the run had not started.
    """

    result: Result | None = None


class RunFailed(GraphflowError):
    """A step of the run failed; everything that does not depend on it is finished and in `.result`."""

    def __init__(self, result: Result) -> None:
        self.result = result
        failures = [str(error) for error in result.failed.values()]
        super().__init__("\n".join(failures))
