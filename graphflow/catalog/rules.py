"""The rules of a node type, asked for one node of a graph: what it plans, what its outputs are, what it refuses.

`check` asks before the run, with the facts that are known then. Some facts only a value shows; then the run asks the
same rules again, so that the refusal reads the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Protocol

from graphflow.catalog.authoring import Planned
from graphflow.catalog.node_type import NodeType
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.document.refusal import Refusal
from graphflow.errors import DefinitionError, FileProblem, GraphflowError
from graphflow.problems import CODES, Fault, Place, Problem
from graphflow.values.any_value import describe
from graphflow.values.facts import UNKNOWN, Facts

_NO_FACTS: Mapping[str, Facts] = {}


class Asked(Protocol):
    """A node whose rules are asked."""

    @property
    def path(self) -> str:
        """`polish/refine`, `fill[0]`."""

    @property
    def type(self) -> NodeType:
        """Whose rules they are."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Every param's value, defaults included."""

    @property
    def used(self) -> tuple[tuple[Place, str], ...]:
        """Where the templates around the node are used."""


class PlanFailed(DefinitionError):
    """A plan function raised an error that it should not.

    Attributes:
        message: whose plan function it is.
        why: the error.
    """

    def __init__(self, node: Asked, error: Exception) -> None:
        self.message = f"the plan function of {node.type.name} failed"
        self.why = f"{type(error).__name__}: {error}"
        super().__init__(f"{self.message} for {node.path}: {self.why}")


def planned(node: Asked, facts: Mapping[str, Facts], wanted: Set[str]) -> Planned | None:
    """The plan function's answer; None if the type has none.

    Args:
        node: whose plan function is called.
        facts: of the value of each port that is given.
        wanted: the outputs that something reads.

    Raises:
        PlanFailed: it fails.
        DefinitionError: it answers something else.
    """
    if node.type.plan is None:
        return None
    checkpoints = {name: value for name, value in node.params.items() if isinstance(value, Checkpoint)}
    try:
        answer = node.type.plan(facts, node.params, checkpoints, frozenset(wanted))
    except Refusal as refusal:
        # A file of a checkpoint that is read only now.
        about = next(iter(checkpoints), "")
        refused = (refusal, *refusal.more)
        return Planned(problems=tuple(Fault(one.message, one.why, one.fix, about, one.code) for one in refused))
    except FileProblem as error:
        fix = error.fix or "get the file again"
        return Planned(problems=(Fault(error.message, error.why, fix, next(iter(checkpoints), ""), error.code),))
    except GraphflowError:
        raise
    except Exception as error:
        raise PlanFailed(node, error) from error
    if not isinstance(answer, Planned):
        raise DefinitionError(f"the plan function of {node.type.name} returned {describe(answer)}, and not Planned(…)")
    return answer


def output_facts(type_: NodeType, facts: Mapping[str, Facts], plan: Planned | None) -> Mapping[str, Facts]:
    """Facts of the outputs: the plan function's, else what the annotations say."""
    known = dict(plan.outputs) if plan is not None else {}
    for name, output in type_.outputs.items():
        if name not in known and (output.size_of or output.space_of):
            size = facts.get(output.size_of or "", UNKNOWN)
            space = facts.get(output.space_of or "", UNKNOWN).space
            known[name] = Facts(size.width, size.height, space)
    return known or _NO_FACTS


def faults(type_: NodeType, facts: Mapping[str, Facts], plan: Planned | None) -> list[Fault]:
    """What a node of this type refuses or advises, given these facts of its ports and its plan function's answer."""
    listed = list(plan.problems) if plan is not None else []
    for name, port in type_.ports.items():
        if port.same_size is None or name not in facts or port.same_size not in facts:
            continue
        mine, other = facts[name].size, facts[port.same_size].size
        if mine is not None and other is not None and mine != other:
            listed.append(_unequal_sizes(name, mine, port.same_size, other))
    return listed


def _unequal_sizes(name: str, mine: tuple[int, int], other_name: str, other: tuple[int, int]) -> Fault:
    return Fault(
        f"{name} and {other_name} have different sizes",
        why=f"{name} is {mine[0]}×{mine[1]}, {other_name} is {other[0]}×{other[1]}",
        fix=f"put a resize to {other[0]}×{other[1]} before {name}, or one that is like {other_name}",
        about=name,
        code="size-mismatch",
    )


def problem_of(fault: Fault, node: Asked, place: Place, sender: str) -> Problem:
    """A fault of a node as a problem.

    Args:
        fault: what the node refuses or advises.
        node: whose rule it is.
        place: where the value that it is about is written.
        sender: how the output is called that gives this value; stands in the texts at `{sender}`.

    Raises:
        DefinitionError: its code is not one of the table.
    """
    if fault.code not in CODES:
        raise DefinitionError(f"{node.type.name} uses the problem code {fault.code}, which is not in the table")
    message, why, fix = (text.replace("{sender}", sender) for text in (fault.message, fault.why, fault.fix))
    return Problem(fault.code, f"{node.path}: {message}", why, fix, place, node.used)
