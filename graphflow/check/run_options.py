"""Problems with the options of a run: those that this machine or a model does not have, and a slow precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphflow.check.checked import ExpandedNode
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.placed import Placed
from graphflow.problems import NOWHERE, Place, Problem
from graphflow.system.device import Compute
from graphflow.system.run_options import flag_of


def option_problems(compute: Compute, nodes: Sequence[ExpandedNode]) -> Iterator[Problem]:
    """Warnings about run options that have no effect, each with what is used instead, and about a slow precision.

    Args:
        compute: settings of the call.
        nodes: with the results of their plan functions.
    """
    for substitute in compute.substitutes:
        message = f"{substitute.asked} has no effect, and {substitute.used}"
        yield Problem("no-effect", message, substitute.why, substitute.fix, Place(flag_of(substitute.option)))
    used = _used(nodes)
    unknown = any(_is_unknown(value) for node in nodes for value in node.params.values())
    for option in compute.options.given:
        if option == "batch":
            # It does not concern a model; the plan says which steps it groups.
            continue
        concerned = [placed for placed in used if placed.files.model and option in placed.files.model.options]
        for placed in concerned:
            if placed.files.model and not placed.files.model.options[option]:
                yield _not_of_class(option, placed)
        if not concerned and not unknown:
            why = "no model of the graph has this option" if used else "the graph runs no model"
            yield Problem("no-effect", f"{flag_of(option)} has no effect", why, "remove it", Place(flag_of(option)))
    yield from _slow_precision(compute, used)


def _slow_precision(compute: Compute, used: Sequence[Placed]) -> Iterator[Problem]:
    half = next((placed for placed in used if placed.files.weights and placed.dtype == "float16"), None)
    if compute.device != "cpu" or half is None:
        return
    why = "processors have few instructions for float16, so it usually takes longer than float32, and rounds more"
    if compute.dtype == "float16":
        message, fix, place = "float16 is slow on a CPU", "leave it out, or use --dtype auto", Place("--dtype")
    else:
        message = f"the {half.files.label} computes in float16, which is slow on a CPU"
        fix, place = "remove dtype from the checkpoint's details, or use --dtype auto", NOWHERE
    yield Problem("slow-precision", message, why, fix, place)


def _used(nodes: Sequence[ExpandedNode]) -> list[Placed]:
    """The models that steps of the nodes use, each once."""
    found: dict[str, Placed] = {}
    for node in nodes:
        if node.planned is None:
            continue
        for uses in (node.planned.uses, *(step.uses for step in node.planned.steps)):
            for component in uses.values():
                if isinstance(component.spec, Placed):
                    found.setdefault(component.identity, component.spec)
    return list(found.values())


def _is_unknown(value: object) -> bool:
    return isinstance(value, Checkpoint) and value.kind == "hub"


def _not_of_class(option: str, placed: Placed) -> Problem:
    files = placed.files
    message = f"{flag_of(option)} has no effect on the {files.label}"
    return Problem("no-effect", message, f"{files.class_name} does not have it", "remove it", Place(flag_of(option)))
