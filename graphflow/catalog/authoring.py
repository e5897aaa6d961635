"""The names that node authors use: markers, annotations, the values of plan functions, and the context.

The markers `@node` and `@step` only attach a description and return the function unchanged, so tests can call it
directly, and importing its module has no other effect. `graphflow.catalog.signature` reads the descriptions.
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
    "Batchable",
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
"""What results depend on besides values: `pure` = Pillow, numpy; `torch` = also torch, diffusers, device, threads."""

F = TypeVar("F", bound=Callable[..., Any])
PlanFunction = Callable[..., "Planned"]
SelectFunction = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class NodeMark:
    """The description that `@node` attaches; `environment` is None if not given."""

    version: int
    environment: Environment | None
    deterministic: bool
    plan: PlanFunction | None
    select: SelectFunction | None = None
    usual: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepMark:
    """The description that `@step` attaches."""

    version: int
    environment: Environment | None
    deterministic: bool
    batched: Callable[..., Any] | None = None


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
    """Mark a function as a node type: ports before the `*`, params after it, outputs in the return annotation.

    Args:
        version: increase it if the function now returns other results for the same values.
        environment: what else its results depend on; by default `pure`. It is required if the module imports torch.
        deterministic: False if equal values can give different results; such results are never cached or merged.
        plan: `plan(facts, params, checkpoints, wanted) -> Planned`, a pure function without torch, which returns
            facts of the outputs, problems and steps. `facts` has an entry for each given port (`Facts.items` for a
            list), `params` for each param, `checkpoints` for each checkpoint param; `wanted` is the set of outputs
            that are read.
        select: `select(params)` returns the name of the port whose value every output passes on. Such a node is
            removed before the plan is made: neither it nor the nodes that only feed its other ports run.
        usual: param → description of the value that is used if it is not given, for params whose default is None
            because it depends on the checkpoint.
    """

    def mark(function: F) -> F:
        setattr(function, NODE_MARK, NodeMark(version, environment, deterministic, plan, select, usual or {}))
        return function

    return mark


def step(
    *,
    version: int = 1,
    environment: Environment | None = "torch",
    deterministic: bool = True,
    batched: Callable[..., Any] | None = None,
) -> Callable[[F], F]:
    """Mark a module-level function as a step, for the `run` of a `Step`.

    Args:
        version: increase it if the function, or its batched form, now returns other results for the same values.
        environment: what else its results depend on.
        deterministic: False if equal values can give different results; such results are never cached or merged.
        batched: a module-level function that computes several steps in one call. It has the same arguments; each takes
            a list with one value per step, all of the same length, and is not passed if the steps don't have it. The
            context is that of the whole call. It returns a list with what the function returns for each step.
    """

    def mark(function: F) -> F:
        setattr(function, STEP_MARK, StepMark(version, environment, deterministic, batched))
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
    """On an int param: by default derived from the run's seed and the node's path."""


Seed = Annotated[int, SeedMark(), Ge(0), Lt(2**64)]


class Context(Protocol):
    """The services of the engine, passed to an argument annotated `Context`."""

    wanted: frozenset[str]
    """The outputs of this step that are read."""

    def progress(self, done: int, total: int) -> None:
        """Report the step's progress; raises `Cancelled` if the run was cancelled meanwhile."""

    def warn(self, message: str, why: str = "", fix: str = "") -> None:
        """Report something that was probably not intended; the step continues. A cached step reports nothing."""

    def borrow(self, role: str) -> Any:
        """Return the loaded component that has this role in the step's `uses`.

        Raises:
            DefinitionError: the step does not declare this role.
        """

    def generator(self, seed: int) -> Any:
        """Return a new torch generator on the CPU with this seed."""


@dataclass(frozen=True, slots=True)
class Batchable:
    """Whether a step may be computed in one call with others.

    Steps may if their functions, components and keys are equal.

    Attributes:
        key: identifies everything else that must be equal, such as sizes and all params except the seed.
        item_bytes: estimated bytes of memory that the call needs for each step, besides the components. With 0,
            `--batch auto` computes the step alone.
        why_not: the reason why the step is always computed alone; empty if it is not.
    """

    key: str = ""
    item_bytes: int = 0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The memory that a step needs while it computes, besides its components and the values that wait for later steps.

    Attributes:
        nbytes: estimate of the most bytes; 0 if there is none.
        tiled: the same if its components have the run option `vae_tiling`; None if they lack it, or already have it.
    """

    nbytes: int = 0
    tiled: int | None = None


NO_WORKSPACE = Workspace()
"""Of a step that says nothing about it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a node: a function and the sources of its arguments.

    Attributes:
        name: shown after the node's path, such as `decode` in `fill/decode`.
        run: a module-level function marked `@step`.
        inputs: argument → a port of the node (`image`) or another step's output (`sample.latents`); a tuple of these
            gives the argument a list.
        params: argument → a plain value.
        outputs: output of the node → output of `run`; a tuple of names if they are the same.
        uses: role → component; the function may borrow only these.
        batch: whether it may be computed in one call with other steps; None if its function has no batched form.
        memory: what it needs while it computes one picture.
    """

    name: str
    run: Callable[..., Any]
    inputs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] | Mapping[str, str] = ()
    uses: Mapping[str, Component] = field(default_factory=dict)
    batch: Batchable | None = None
    memory: Workspace = NO_WORKSPACE


@dataclass(frozen=True, slots=True)
class Planned:
    """The result of a plan function.

    Attributes:
        outputs: output → facts; an output without an entry has unknown facts.
        uses: role → component, for a node that is a single step.
        problems: errors and hints.
        steps: the node's steps in an order in which they can run; empty means one step, the function itself.
        verify: call the plan function again during the run with the ports' values, even if all sizes are known before.
    """

    outputs: Mapping[str, Facts] = field(default_factory=dict)
    uses: Mapping[str, Component] = field(default_factory=dict)
    problems: tuple[Fault, ...] = ()
    steps: tuple[Step, ...] = ()
    verify: bool = False
