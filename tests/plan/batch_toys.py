"""A toy node whose step can be computed with others in one call; it keeps the sizes of its calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import graphflow as gf
from graphflow.plan.plan import plan
from graphflow.system.device import Compute
from graphflow.system.run_options import RunOptions
from tests.plan.toys import CATALOG, graph, unet

CALLS: list[int] = []


def treble_together(value: list[int], context: gf.Context, *, bad: list[int]) -> list[int]:
    context.borrow("unet")
    CALLS.append(len(value))
    for done in (1, 2):
        context.progress(done, 2)
    if any(one % 100 == 66 for one in value):
        context.warn("it is 66", "", "")
    if any(one in (bad[0], -1) for one in value):
        raise ValueError("one of them is bad")
    if len(value) > 4 and -2 in value:
        raise MemoryError("not enough")
    # The size of the call shows in the result, as in the last bits of a real one.
    return [3 * one + 1000 * len(value) for one in value]


@gf.step(environment="pure", batched=treble_together)
def treble(value: int, context: gf.Context, *, bad: int) -> int:
    context.borrow("unet")
    CALLS.append(1)
    if value % 100 == 66:
        context.warn("it is 66", "", "")
    if value in (bad, -1):
        raise ValueError("it is bad")
    return 3 * value + 1000


def _plan(facts: Any, params: Mapping[str, Any], checkpoints: Any, wanted: Any) -> gf.Planned:
    why = "it is shy" if params["shy"] else ""
    batch = gf.Batchable("" if why else str(params["bad"]), params["size"], why)
    uses = {"unet": unet(params["model"])}
    return gf.Planned(
        steps=(gf.Step("treble", treble, {"value": "value"}, {"bad": params["bad"]}, ("int",), uses, batch),)
    )


@gf.node(plan=_plan)
def trebled(value: int, *, bad: int = -1, model: str = "a", shy: bool = False, size: int = 1) -> int:
    raise NotImplementedError("its step runs instead")


TOYS = CATALOG.extended(trebled)


def planned(text: str, batch: int | str = 4, *, device: str = "cpu", budget: int | None = None) -> gf.Plan:
    """The plan of a document without its first line."""
    compute = Compute(device, options=RunOptions.of(batch=batch))
    checked = graph(text, catalog=TOYS).check()
    return plan(dataclasses.replace(checked, compute=compute), memory_budget=budget)


def grouped(text: str, batch: int | str = 4, **more: Any) -> list[str]:
    """The names of the nodes in each batch, in order."""
    made = planned(text, batch, **more)
    return [" ".join(made.steps[number].node.path for number in numbers) for numbers in made.batches]
