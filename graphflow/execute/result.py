"""What a run gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from graphflow.errors import GraphflowError, StepError
from graphflow.problems import Problem


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
        absent: output name → why it has no value.
        seed: the run's seed.
        seconds: from the first step to the last.
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
    seconds: float = 0.0
    state: Literal["done", "failed", "cancelled"] = "done"

    def __getitem__(self, name: str) -> Any:
        """The output `name`.

        Raises:
            GraphflowError: it has no value; says why.
        """
        if name in self.outputs:
            return self.outputs[name]
        if name in self.absent:
            raise GraphflowError(f"the output {name} is absent: {self.absent[name]}")
        known = ", ".join([*self.outputs, *self.absent])
        raise GraphflowError(f"the run has no output {name}; it has {known or 'none'}")

    def __contains__(self, name: object) -> bool:
        return name in self.outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)
