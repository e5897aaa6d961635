"""Control signals of a stage: the ControlNets that it loads, and its rules for them, checked before loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.components import ComponentFiles
from graphflow.problems import Fault
from graphflow.values.component import Component
from graphflow.values.facts import UNKNOWN, Facts
from graphflow_nodes.planning.request import Request
from graphflow_nodes.steps.control import role


def named(stage: str, facts: Mapping[str, Facts]) -> str:
    """The stage's name in the family: with `+control` if there are control signals."""
    return f"{stage}+control" if "control" in facts and facts["control"].items != () else stage


def signals(facts: Mapping[str, Facts]) -> tuple[Facts, ...]:
    """The facts of each control signal of a stage; empty if it has none, or if they are known only later."""
    return facts.get("control", UNKNOWN).items or ()


def nets(checkpoint: Checkpoint, facts: Mapping[str, Facts]) -> dict[str, Component]:
    """Role → ControlNet of a stage, in the precision of its checkpoint's other components."""
    return {
        role(number): checkpoint.placed(signal.net)
        for number, signal in enumerate(signals(facts))
        if isinstance(signal.net, ComponentFiles)
    }


def port_of(number: int, facts: Mapping[str, Facts]) -> str:
    """The name of a control signal in messages."""
    return "control" if len(signals(facts)) == 1 else f"control[{number}]"


def control_faults(request: Request, width: int | None, height: int | None, *, crop: bool = False) -> Iterator[Fault]:
    """Control signals that don't fit a stage that paints at this size, or crops a picture of this size."""
    if not request.spec.control:
        return
    if request.facts["control"].items is None:
        why = "the ControlNets of a stage must be known before the run"
        fix = "write the list out: [$a, $b]"
        yield Fault("the items of control are not known before the run", why, fix, "control")
    for number, signal in enumerate(signals(request.facts)):
        port = port_of(number, request.facts)
        yield from _size_faults(signal, port, (width, height), crop=crop)
        if signal.net is None:
            why = "the ControlNets of a stage must be known before the run"
            yield Fault(f"the ControlNet of {port} is not known", why, "use a controlnet_condition", "control")
        if crop and signal.masked:
            why = "padding_mask_crop crops the picture, but not the information which of its pixels are hidden"
            fix = "remove padding_mask_crop, or use another preprocess than inpaint"
            yield Fault(f"{port} cannot be cropped", why, fix, "padding_mask_crop")


def _size_faults(signal: Facts, port: str, size: tuple[int | None, int | None], *, crop: bool) -> Iterator[Fault]:
    if signal.size is None or None in size or signal.size == size:
        return
    theirs, mine = (f"{width}×{height}" for width, height in (signal.size, size))
    why = f"{port} is {theirs}, and {'image is' if crop else 'the stage paints'} {mine}"
    fix = f"put a resize to {mine} before its controlnet_condition"
    yield Fault(f"{port} has another size", why, fix, "control", "size-mismatch")
