"""Steps of one kind import the same parts of the libraries, so only the first of them needs these for itself."""

from __future__ import annotations

import pytest

import graphflow as gf
from graphflow.execute.step_call import kind_of
from graphflow.plan.step import PlannedStep


def sample(type_: str = "text2img", **params: object) -> PlannedStep:
    """The sampling step of a stage on the embedded checkpoint."""
    graph = gf.Graph("one")
    if type_ == "img2img":
        params["image"] = graph.add("text2img", id="first", checkpoint="embedded/sd", prompt="x").latents
    stage = graph.add(type_, id="stage", checkpoint="embedded/sd", prompt="x", **params)
    graph.output(latents=stage.latents)
    (step,) = [step for step in graph.plan().steps if step.path == "stage/sample"]
    return step


@pytest.mark.parametrize(
    "params", [{"seed": 5}, {"prompt": "y"}, {"num_inference_steps": 3}], ids=lambda one: next(iter(one))
)
def test_calls_of_one_pipeline_and_scheduler_are_of_one_kind(params):
    params = {"seed": 1, **params}
    prompt = params.pop("prompt", "x")
    graph = gf.Graph("one")
    graph.output(latents=graph.add("text2img", id="stage", checkpoint="embedded/sd", prompt=prompt, **params).latents)
    (step,) = [step for step in graph.plan().steps if step.path == "stage/sample"]
    assert kind_of(step) == kind_of(sample(seed=1))


def test_another_pipeline_is_of_another_kind():
    assert kind_of(sample()) != kind_of(sample("img2img"))


def test_another_scheduler_is_of_another_kind():
    assert kind_of(sample()) != kind_of(sample(scheduler="euler"))
