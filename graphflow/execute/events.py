"""What a run tells while it goes on, as frozen values; whoever listens decides how it looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from graphflow.problems import Problem


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event; `steps` are the paths in run order."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step is about to be executed."""

    step: str


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The running step has done `done` of `total` parts."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class StepWarned:
    """The running step tells what was probably not meant, and goes on."""

    step: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step's result is there: executed in `seconds`, or taken from a store (`cached`).

    `values` are the outputs of an executed step, by name; they are not part of the JSON form.
    """

    step: str
    seconds: float
    cached: bool
    also: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, metadata={"json": False})


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step raised an error after `seconds`."""

    step: str
    seconds: float
    problem: Problem


@dataclass(frozen=True, slots=True)
class StepNotRun:
    """A step needs a result that is not there."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class ComponentLoaded:
    """A model component was loaded."""

    component: str
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ComponentDropped:
    """A model component was let go."""

    component: str


@dataclass(frozen=True, slots=True)
class OutputReady:
    """An output of the graph is there; `value` is not part of the JSON form.

    Where some items of a list are missing, `value` has the finished ones and `items` their numbers, from 0; else
    `items` is None.
    """

    name: str
    value: Any = field(repr=False, compare=False, metadata={"json": False})
    items: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The last event; `error` is the state of a run that something other than a step ended, such as a listener."""

    state: Literal["done", "failed", "cancelled", "error"]
    seconds: float


Event: TypeAlias = (
    RunStarted
    | StepStarted
    | StepProgress
    | StepWarned
    | StepFinished
    | StepFailed
    | StepNotRun
    | ComponentLoaded
    | ComponentDropped
    | OutputReady
    | RunFinished
)
Listener: TypeAlias = Callable[[Event], None]


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON data, `event` naming its kind."""
    name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in type(event).__name__).lstrip("_")
    data: dict[str, Any] = {"event": name}
    for one in dataclasses.fields(event):
        if one.metadata.get("json", True):
            value = getattr(event, one.name)
            data[one.name] = value.to_json() if isinstance(value, Problem) else value
    return data
