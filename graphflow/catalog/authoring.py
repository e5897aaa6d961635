"""What the author of a node type writes with: markers, annotations, the plan function's values, the context.

Markers only label: `@node` and `@step` attach a description and return the function unchanged, so a test
calls it directly and importing a module does nothing else. `graphflow.catalog.signature` reads what they attach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypeVar

from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf

from graphflow.problems import Fault
from graphflow.values.component import Component
from graphflow.values.facts import Facts

__all__ = [
    "Context",
    "Doc",
    "Environment",
    "Ge",
    "Gt",
    "Le",
    "Len",
    "Lt",
    "MultipleOf",
    "NodeMark",
    "Planned",
    "SameSize",
    "Seed",
    "SizeOf",
    "SpaceOf",
    "Step",
    "StepMark",
    "node",
    "step",
]

Environment = Literal["pure", "torch"]
"""What decides the bytes of a result: `pure` = Pillow and numpy; `torch` = torch, diffusers, device, threads too."""

F = TypeVar("F", bound=Callable[..., Any])
PlanFunction = Callable[..., "Planned"]
SelectFunction = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class NodeMark:
    """What `@node` attaches; `environment` None = not said."""

    version: int
    environment: Environment | None
    deterministic: bool
    plan: PlanFunction | None
    select: SelectFunction | None = None
    usual: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepMark:
    """What `@step` attaches."""

    version: int
    environment: Environment | None
    deterministic: bool


NODE_MARK = "__graphflow_node__"
STEP_MARK = "__graphflow_step__"


def node(
    *,
    version: int = 1,
    environment: Environment | None = None,
    deterministic: bool = True,
    plan: PlanFunction | None = None,
    select: SelectFunction | None = None,
    usual: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Mark a function as a node type: ports before the `*`, params after it, outputs in the annotation.

    Args:
        version: raised when the function gives other results than before for the same values.
        environment: what else decides its results; `pure` where it is not said. A module that imports
            torch has to say it.
        deterministic: False where equal values give unequal results: never cached, never merged.
        plan: `plan(facts, params, checkpoints, wanted) -> Planned`, pure and without torch: facts of the
            outputs, problems, steps. `facts` has an entry for each port that is given (`Facts.items` for
            a list), `params` for each param, `checkpoints` for each checkpoint param, `wanted` holds the
            names of the outputs that somebody reads.
        select: `select(params)` names the port whose value every output passes on. Such a node is gone
            before the plan is made: nothing runs for it, and nothing that only feeds its other ports.
        usual: param → what holds where it is not given, in words, for params whose default is None because a
            checkpoint decides.
    """

    def mark(function: F) -> F:
        setattr(function, NODE_MARK, NodeMark(version, environment, deterministic, plan, select, usual or {}))
        return function

    return mark


def step(
    *, version: int = 1, environment: Environment | None = "torch", deterministic: bool = True
) -> Callable[[F], F]:
    """Mark a module-level function as a step, for the `run` of a `Step`."""

    def mark(function: F) -> F:
        setattr(function, STEP_MARK, StepMark(version, environment, deterministic))
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Doc:
    """The help of a port, param or output: `Annotated[float, Doc("pixels")]`."""

    text: str


@dataclass(frozen=True, slots=True)
class SizeOf:
    """On an output: it has the size of the picture in port `port`."""

    port: str


@dataclass(frozen=True, slots=True)
class SameSize:
    """On a port: its picture must have the size of the picture in port `port`."""

    port: str


@dataclass(frozen=True, slots=True)
class SpaceOf:
    """On an output: its latents are in the latent space of those in port `port`."""

    port: str


@dataclass(frozen=True, slots=True)
class SeedMark:
    """On an int param: derived from the run's seed and the node's path where it is not given."""


Seed = Annotated[int, SeedMark(), Ge(0), Lt(2**64)]


class Context(Protocol):
    """What the engine gives to an argument annotated `Context`."""

    wanted: frozenset[str]
    """The outputs of this step that somebody reads."""

    def progress(self, done: int, total: int) -> None:
        """Tell how far the step is; raises `Cancelled` where the run was cancelled meanwhile."""

    def warn(self, message: str, why: str = "", fix: str = "") -> None:
        """Tell what was probably not meant; the step goes on. Only a step that is executed tells it."""

    def borrow(self, role: str) -> Any:
        """The loaded component that the step's `uses` names by this role.

        Raises:
            DefinitionError: the step declares no such role.
        """

    def generator(self, seed: int) -> Any:
        """A new torch generator on the CPU with this seed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a node: a function, and where its arguments come from.

    Attributes:
        name: shown after the node's path, such as `decode` in `fill/decode`.
        run: a module-level function marked `@step`.
        inputs: argument → a port of the node (`image`) or another step's output (`sample.latents`); several of them in
            a tuple give the argument a list.
        params: argument → a plain value.
        outputs: output of the node → output of `run`; a tuple where the names are the same.
        uses: role → component; the function may borrow only these.
    """

    name: str
    run: Callable[..., Any]
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] | Mapping[str, str] = ()
    uses: Mapping[str, Component] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan function answers.

    Attributes:
        outputs: output → facts; an output without an entry has unknown facts.
        uses: role → component, for a node that is one step.
        problems: what the node refuses or advises.
        steps: the node's steps in an order in which they can run; empty = one, the function itself.
        verify: ask again in the run, when the ports' values are there, though their sizes are known before.
    """

    outputs: Mapping[str, Facts] = field(default_factory=dict)
    uses: Mapping[str, Component] = field(default_factory=dict)
    problems: tuple[Fault, ...] = ()
    steps: tuple[Step, ...] = ()
    verify: bool = False
