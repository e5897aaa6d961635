"""Models that a plan moves off the GPU because its steps would not fit otherwise; the call did not say what to move."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.plan.lifetimes import Lifetimes
from graphflow.plan.savings import MOVED, Saving, moved, own_bytes
from graphflow.plan.step import PlannedStep
from graphflow.system.device import Compute


def offload_for(steps: Sequence[PlannedStep], lives: Lifetimes, compute: Compute, limit: int | None) -> Saving | None:
    """The value of `offload` with which a plan fits; None if it fits without, or if the call says what to move.

    `model` if each step fits with only its own components on the GPU, which saves reading evicted ones again; else
    `group`, which cannot be used with `compile`.
    """
    if limit is None or compute.device == "cpu" or compute.options.offload != "auto" or lives.whole_peak <= limit:
        return None
    largest = max(own_bytes(step.uses) + need for step, need in zip(steps, lives.needs, strict=True))
    if largest <= limit or compute.options.compile:
        return Saving.of(MOVED[0], lives.whole_peak, limit)
    return Saving.of(MOVED[1], largest, limit)


def offloaded(steps: Sequence[PlannedStep], saving: Saving) -> tuple[PlannedStep, ...]:
    """The steps, with their models moved as the measure says; their results stay the same."""
    _, _, offload = saving.measure.partition(" ")
    return tuple(
        step._replace(uses=moved(step.uses, offload), savings=(*step.savings, saving)) if own_bytes(step.uses) else step
        for step in steps
    )
