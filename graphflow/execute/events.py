"""Events of a run, as frozen values; a listener receives each of them and decides how to show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from graphflow.problems import Problem


@dataclass(frozen=True, slots=True)
class DownloadStarted:
    """A file of the model hub is about to be downloaded; downloads come before all other events of a run."""

    repository: str
    file: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """A file is being downloaded; `done` of `total` bytes have arrived."""

    repository: str
    file: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DownloadFinished:
    """A file has been downloaded, and its content matches the hub's facts."""

    repository: str
    file: str
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event; `steps` are the paths of all steps in run order."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorchReported:
    """What torch reports on this machine is known: `facts` as returned by `graphflow.values.tensors.settings`.

    It comes before the first step that is executed with torch. If every result is in a store, torch is not imported,
    and the facts are those that it reported before.
    """

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepWaiting:
    """A step waits for another process, which is computing the same result."""

    step: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step is about to be executed.

    If it is computed in one call with others, `batch` are the paths of all of them; their events follow directly, and
    the progress of the call is reported for the first one. Otherwise `batch` is empty.
    """

    step: str
    batch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The running step has done `done` of `total` parts."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class StepWarned:
    """The running step reports something that was probably not intended, and continues."""

    step: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step has a result: it was executed in `seconds`, or its result is in a store (`cached`).

    If it was computed in one call with others, `batch` is the number of steps in the call, and `seconds` its share of
    the time. `values` are the outputs of an executed step, by name; they are not part of the JSON form.
    """

    step: str
    seconds: float
    cached: bool
    also: tuple[str, ...] = ()
    batch: int = 1
    values: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, metadata={"json": False})


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step raised an error after `seconds`."""

    step: str
    seconds: float
    problem: Problem


@dataclass(frozen=True, slots=True)
class StepNotRun:
    """A step is not executed, because it needs a result that does not exist."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class MemorySaved:
    """A measure that saves memory is taken for the step that is about to run, or that ran out of memory.

    `measure` is `eviction` (of all components that the step does not use), or the run option that the step gets:
    `vae_tiling`, which is part of the identity of its result, `offload model` or `offload group`.
    """

    step: str
    measure: str
    why: str


@dataclass(frozen=True, slots=True)
class ComponentLoaded:
    """A model component was loaded."""

    component: str
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ComponentDropped:
    """A model component was evicted."""

    component: str


@dataclass(frozen=True, slots=True)
class ItemReady:
    """An item of an output that is a list is available, before the whole list; `value` is not part of the JSON form.

    `OutputReady` follows in any case, also if the run fails or is cancelled.
    """

    name: str
    item: int
    value: Any = field(repr=False, compare=False, metadata={"json": False})


@dataclass(frozen=True, slots=True)
class OutputReady:
    """An output of the graph is available; `value` is not part of the JSON form.

    If some items of a list are missing, `value` has the finished ones and `items` their indices; otherwise `items` is
    None.
    """

    name: str
    value: Any = field(repr=False, compare=False, metadata={"json": False})
    items: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The last event; the state is `error` if something other than a step ended the run, such as its listener."""

    state: Literal["done", "failed", "cancelled", "error"]
    seconds: float


Event: TypeAlias = (
    DownloadStarted
    | DownloadProgress
    | DownloadFinished
    | RunStarted
    | TorchReported
    | StepWaiting
    | StepStarted
    | StepProgress
    | StepWarned
    | StepFinished
    | StepFailed
    | StepNotRun
    | MemorySaved
    | ComponentLoaded
    | ComponentDropped
    | ItemReady
    | OutputReady
    | RunFinished
)
Listener: TypeAlias = Callable[[Event], None]


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON data; the key `event` names its kind."""
    name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in type(event).__name__).lstrip("_")
    data: dict[str, Any] = {"event": name}
    for attribute in dataclasses.fields(event):
        if attribute.metadata.get("json", True):
            value = getattr(event, attribute.name)
            data[attribute.name] = value.to_json() if isinstance(value, Problem) else value
    return data
