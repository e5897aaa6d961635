"""What is really in memory, counted by Python's collector and not by the engine's own books."""

from __future__ import annotations

import gc

import pytest
from diffusers import UNet2DConditionModel

import graphflow as gf
from graphflow.execute.events import StepFinished
from graphflow.plan.plan import Plan
from graphflow.plan.savings import own_bytes


def live() -> list[int]:
    """Bytes of each UNet that is alive, parameters and buffers; one that waits for the collector is alive."""
    unets = [one for one in gc.get_objects() if type(one) is UNet2DConditionModel]
    return [sum(tensor.nbytes for tensor in (*one.parameters(), *one.buffers())) for one in unets]


@pytest.fixture(autouse=True)
def _no_collector():
    """A module in a cycle would stay until the collector comes, which may be long after the next one is loaded."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def ensemble(tiny):
    graph = gf.Graph()
    call = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 5, "scheduler": "euler"}
    base = graph.add("text2img", checkpoint=str(tiny("sdxl")), denoising_end=0.8, **call)
    end = graph.add("refiner", checkpoint=str(tiny("sdxl_refiner")), image=base.latents, denoising_start=0.8, **call)
    graph.output(image=end.image)
    return graph


def _largest(plan: Plan) -> int:
    """Bytes of the step that needs the most."""
    return max(own_bytes(step.uses) + step.memory.nbytes for step in plan.steps)


def test_with_room_for_one_unet_there_are_never_two(ensemble):
    assert live() == []
    plan = ensemble.plan()
    unets = {step.uses["unet"].identity: step.uses["unet"].nbytes for step in plan.steps if "unet" in step.uses}
    seen: list[list[int]] = []
    with gf.Engine(memory_budget=_largest(plan)) as engine:
        for _ in range(2):
            engine.run(
                ensemble,
                seed=len(seen),
                on_event=lambda event: seen.append(live()) if isinstance(event, StepFinished) else None,
            )
            engine.store.clear()
    assert max(map(len, seen)) == 1
    found = {sizes[0] for sizes in seen if sizes}
    assert len(found) == 2
    for size, planned in zip(sorted(found), sorted(unets.values()), strict=True):
        assert planned == pytest.approx(size, rel=0.01)


def test_without_a_budget_an_engine_keeps_both_for_the_next_run(ensemble):
    with gf.Engine() as engine:
        engine.run(ensemble)
        assert len(live()) == 2
    assert live() == []


def test_a_run_that_is_alone_lets_each_go_when_the_next_must_come(ensemble):
    seen: list[int] = []
    gf.run(ensemble, on_event=lambda event: seen.append(len(live())) if isinstance(event, StepFinished) else None)
    assert max(seen) == 1
