"""Apply the rules of a node type to a node of a graph: they return its steps, facts of its outputs, and problems.

`check` applies them before the run, with the facts that are known then. If some facts are known only once a value
exists, the same rules are applied again during the run, so that the same problem has the same message.
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
    """A node to which rules are applied."""

    @property
    def path(self) -> str:
        """`polish/refine`, `fill[0]`."""

    @property
    def type(self) -> NodeType:
        """Its node type, which has the rules."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Every param's value, defaults included."""

    @property
    def used(self) -> tuple[tuple[Place, str], ...]:
        """The places at which the templates around the node are used."""


class PlanFailed(DefinitionError):
    """A plan function raised an unexpected error.

    Attributes:
        message: names the node type.
        why: names the error.
    """

    def __init__(self, node: Asked, error: Exception) -> None:
        self.message = f"the plan function of {node.type.name} failed"
        self.why = f"{type(error).__name__}: {error}"
        super().__init__(f"{self.message} for {node.path}: {self.why}")


def planned(node: Asked, facts: Mapping[str, Facts], wanted: Set[str]) -> Planned | None:
    """Call the plan function of a node; returns its result, or None if the node type has no plan function.

    Args:
        node: the node.
        facts: facts of the value of each given port.
        wanted: the outputs that something reads.

    Raises:
        PlanFailed: the plan function raised an error.
        DefinitionError: it returned something other than `Planned`.
    """
    if node.type.plan is None:
        return None
    checkpoints = {name: value for name, value in node.params.items() if isinstance(value, Checkpoint)}
    try:
        result = node.type.plan(facts, node.params, checkpoints, frozenset(wanted))
    except Refusal as refusal:
        # Some files of a checkpoint are read only by plan functions.
        about = next(iter(checkpoints), "")
        refusals = (refusal, *refusal.more)
        return Planned(problems=tuple(Fault(r.message, r.why, r.fix, about, r.code) for r in refusals))
    except FileProblem as error:
        fix = error.fix or "get the file again"
        return Planned(problems=(Fault(error.message, error.why, fix, next(iter(checkpoints), ""), error.code),))
    except GraphflowError:
        raise
    except Exception as error:
        raise PlanFailed(node, error) from error
    if not isinstance(result, Planned):
        raise DefinitionError(f"the plan function of {node.type.name} returned {describe(result)}, and not Planned(…)")
    return result


def output_facts(type_: NodeType, facts: Mapping[str, Facts], plan: Planned | None) -> Mapping[str, Facts]:
    """Facts of the outputs: those of the plan function, and for all other outputs those of the annotations."""
    known = dict(plan.outputs) if plan is not None else {}
    for name, output in type_.outputs.items():
        if name not in known and (output.size_of or output.space_of):
            size = facts.get(output.size_of or "", UNKNOWN)
            space = facts.get(output.space_of or "", UNKNOWN).space
            known[name] = Facts(size.width, size.height, space)
    return known or _NO_FACTS


def faults(type_: NodeType, facts: Mapping[str, Facts], plan: Planned | None) -> list[Fault]:
    """Errors and hints for a node of this type, given facts of its ports and the result of its plan function."""
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
    """Convert a fault of a node to a problem.

    Args:
        fault: an error or hint of the node's rules.
        node: the node.
        place: place of the value that the fault is about.
        sender: name of the output that has this value; it replaces `{sender}` in the texts.

    Raises:
        DefinitionError: the code of the fault is not in the table `CODES`.
    """
    if fault.code not in CODES:
        raise DefinitionError(f"{node.type.name} uses the problem code {fault.code}, which is not in the table")
    message, why, fix = (text.replace("{sender}", sender) for text in (fault.message, fault.why, fault.fix))
    return Problem(fault.code, f"{node.path}: {message}", why, fix, place, node.used)
