"""Memory that a plan or a run saves: VAEs in tiles if a step does not fit otherwise, and again after memory ran out."""

from __future__ import annotations

import json

import pytest
from diffusers import AutoencoderKL

import graphflow as gf
from graphflow.execute.events import MemorySaved, StepFinished
from graphflow.plan.savings import own_bytes
from graphflow.system.device import Compute
from graphflow.system.run_options import RunOptions

SIZE = 256


@pytest.fixture
def picture_graph(tiny):
    graph = gf.Graph()
    call = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 2, "width": SIZE, "height": SIZE}
    graph.output(image=graph.add("text2img", id="paint", checkpoint=str(tiny("sd")), **call).image)
    return graph


def needed(plan, name):
    """Bytes of components, and bytes to compute, of the step with this name."""
    step = next(step for step in plan.steps if step.path.endswith(name))
    return own_bytes(step.uses), step.memory.nbytes


def test_a_decode_that_does_not_fit_the_budget_is_done_in_tiles(picture_graph):
    """The smallest budget that the other steps need is not enough for the decoder."""
    whole = picture_graph.plan()
    assert not whole.savings
    budget = sum(needed(whole, "decode")) - 1
    plan = picture_graph.plan(memory_budget=budget)
    assert {path: [one.measure for one in own] for path, own in plan.savings.items()} == {
        "paint/decode": ["vae_tiling"]
    }
    assert sum(needed(plan, "decode")) < budget
    # As if the option had been given for this step.
    given = picture_graph.plan(compute=gf.Engine(vae_tiling=True).compute)
    assert plan.steps[-1].key == given.steps[-1].key != whole.steps[-1].key
    assert [step.key for step in plan.steps[:-1]] == [step.key for step in whole.steps[:-1]]
    assert given.steps[-1].memory.nbytes == plan.steps[-1].memory.nbytes


def test_a_run_reports_the_tiles_that_its_plan_chose_and_records_them(picture_graph, tmp_path):
    budget = sum(needed(picture_graph.plan(), "decode")) - 1
    events = []
    with gf.Engine(memory_budget=budget) as engine:
        tiled = engine.run(picture_graph, on_event=events.append, record=tmp_path / "run")["image"]
    (saved,) = [event for event in events if isinstance(event, MemorySaved)]
    assert (saved.step, saved.measure) == ("paint/decode", "vae_tiling")
    assert "would need" in saved.why
    steps = {step["path"]: step for step in json.loads((tmp_path / "run/run.json").read_text())["steps"]}
    assert steps["paint/decode"]["savings"] == ["vae_tiling"]
    assert steps["paint/sample"]["savings"] == []
    assert "Saved memory by vae_tiling" in (tmp_path / "run/report.html").read_text()
    again = gf.rerun(tmp_path / "run")  # with more memory
    assert again.equal
    assert again.result.executed
    assert tiled == gf.run(picture_graph, vae_tiling=True)["image"] != gf.run(picture_graph)["image"]


def test_a_budget_that_even_tiles_exceed_is_refused_with_its_numbers(picture_graph):
    tiled = picture_graph.plan(memory_budget=sum(needed(picture_graph.plan(), "decode")) - 1)
    with pytest.raises(gf.GraphflowError, match=r"one step alone needs [\d,]+ of components, and [\d,]+ to compute"):
        gf.Engine(memory_budget=sum(needed(tiled, "decode")) // 2).run(picture_graph)


@pytest.fixture
def narrow(monkeypatch):
    """A machine on which a VAE can decode in tiles only."""
    decode = AutoencoderKL._decode

    def limited(self, z, *arguments, **keywords):
        if not self.use_tiling and z.shape[-1] > SIZE // 16:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate much")
        return decode(self, z, *arguments, **keywords)

    monkeypatch.setattr(AutoencoderKL, "_decode", limited)


def test_after_memory_ran_out_other_components_are_evicted_and_then_the_decoder_works_in_tiles(
    picture_graph, narrow, tmp_path
):
    events = []
    with gf.Engine() as engine:
        result = engine.run(picture_graph, on_event=events.append, record=tmp_path / "run")
        saved = [event.measure for event in events if isinstance(event, MemorySaved)]
        assert saved == ["eviction", "vae_tiling"]
        steps = {step["path"]: step for step in json.loads((tmp_path / "run/run.json").read_text())["steps"]}
        assert (steps["paint/decode"]["state"], steps["paint/decode"]["savings"]) == ("done", saved)
        assert not result.failed
        # It is stored as what it is: the result of a decoder in tiles.
        again = []
        assert engine.run(picture_graph, on_event=again.append)["image"] == result["image"]
        assert engine.run(picture_graph).executed == []
    finished = [event for event in again if isinstance(event, StepFinished) and event.step == "paint/decode"]
    assert [event.cached for event in finished] == [True]
    assert result["image"] == gf.run(picture_graph, vae_tiling=True)["image"]


def test_if_no_measure_helps_the_step_fails_with_the_reason(picture_graph, monkeypatch):
    def nothing(self, *arguments, **keywords):
        raise MemoryError

    monkeypatch.setattr(AutoencoderKL, "decode", nothing)
    events = []
    with gf.Engine() as engine, pytest.raises(gf.RunFailed, match="paint/decode ran out of memory"):
        engine.run(picture_graph, on_event=events.append)
    assert [event.measure for event in events if isinstance(event, MemorySaved)] == ["eviction", "vae_tiling"]


def on_gpu(graph, budget=None, **options):
    return graph.plan(compute=Compute(device="cuda", options=RunOptions(**options)), memory_budget=budget)


def test_on_a_gpu_models_are_moved_away_if_they_would_have_to_be_read_again(tiny):
    graph = gf.Graph()
    call = {"prompt": "a red circle", "num_inference_steps": 2, "width": 64, "height": 64}
    first = graph.add("text2img", id="first", checkpoint=str(tiny("sd")), **call)
    second = graph.add("img2img", id="second", checkpoint=str(tiny("sd_sibling")), image=first.latents, prompt="a star")
    third = graph.add("img2img", id="third", checkpoint=str(tiny("sd")), image=second.latents, prompt="a star")
    graph.output(image=third.image)
    whole = on_gpu(graph)
    largest = max(own_bytes(step.uses) + step.memory.nbytes for step in whole.steps)
    assert largest < whole.lifetimes.whole_peak
    plan = on_gpu(graph, largest)
    assert {saving.measure for own in plan.savings.values() for saving in own} == {"offload model"}
    assert {part.offload for part in plan.components if part.nbytes} == {"model"}
    assert plan.lifetimes.whole_peak == largest
    # The results are the same ones.
    assert [step.key for step in plan.steps] == [step.key for step in whole.steps]
    assert not on_gpu(graph, largest, offload="none").savings
    smaller = on_gpu(graph, largest - 1)
    assert {part.offload for part in smaller.components if part.nbytes} == {"group"}
    assert on_gpu(graph, whole.lifetimes.whole_peak).savings == {}


def test_without_a_budget_the_memory_of_the_gpu_or_the_machine_is_the_limit(picture_graph, monkeypatch):
    whole = picture_graph.plan()
    memory = int(1.25 * (sum(needed(whole, "decode")) - 8))
    monkeypatch.setattr("graphflow.plan.savings.gpu_memory", lambda device: memory // 2)  # float16
    monkeypatch.setattr("graphflow.plan.savings.machine_memory", lambda: memory)
    for plan in (picture_graph.plan(), on_gpu(picture_graph)):
        assert plan.savings["paint/decode"][0].measure == "vae_tiling"
    monkeypatch.setattr("graphflow.plan.savings.gpu_memory", lambda device: 0)
    monkeypatch.setattr("graphflow.plan.savings.machine_memory", lambda: 0)
    assert not picture_graph.plan().savings
    assert not on_gpu(picture_graph).savings
