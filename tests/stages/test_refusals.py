"""What a stage refuses is refused by `check`, before any weight is loaded."""

from __future__ import annotations

import pytest

import graphflow as gf


def problems(build):
    graph = gf.Graph()
    build(graph)
    return [(problem.code, str(problem)) for problem in graph.check().problems]


def stages(first, second, **params):
    def build(graph):
        one = graph.add("text2img", id="one", checkpoint=str(first), prompt="x", num_inference_steps=2)
        graph.add("img2img", id="two", checkpoint=str(second), image=one.latents, prompt="x", **params)

    return build


def test_latents_of_another_space_are_refused_with_both_sides(tiny):
    ((code, text),) = problems(stages(tiny("sd"), tiny("sd_scaled")))
    assert code == "latent-space"
    assert "scale 0.18215" in text
    assert "scale 0.13025" in text
    assert "use the sender's .image" in text


def test_latents_of_a_sibling_are_warned_of(tiny):
    assert [code for code, _ in problems(stages(tiny("sd"), tiny("sd_other_vae")))] == ["latent-sibling"]


def test_latents_of_the_same_vae_in_another_precision_pass(tiny):
    assert problems(stages(tiny("sd"), tiny("sd_fp16"))) == []


def test_a_strength_that_runs_no_step_is_refused(tiny):
    ((_, text),) = problems(stages(tiny("sd"), tiny("sd"), strength=0.1, num_inference_steps=5))
    assert "no step would run" in text
    assert "0.2" in text


@pytest.mark.parametrize(("width", "near"), [(60, "56 or 64"), (9, "8 or 16")])
def test_odd_sizes_are_refused_with_the_nearest(tiny, width, near):
    def build(graph):
        graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x", width=width)

    ((_, text),) = problems(build)
    assert near in text


def test_latents_into_a_mask_are_refused_with_the_way_out(tiny):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x")
    with pytest.raises(gf.InvalidGraph, match="latents-to-picture"):
        graph.add("mask_blur", mask=stage.latents)


def test_a_checkpoint_of_an_unknown_family_names_the_supported_ones(tiny, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')

    def build(graph):
        graph.add("text2img", checkpoint=str(folder), prompt="x")

    ((_, text),) = problems(build)
    assert "FluxPipeline" in text
    assert "Stable Diffusion" in text


def test_check_loads_no_weights(tiny, monkeypatch):
    from graphflow.execute import loader

    def never(component):
        raise AssertionError(component)

    monkeypatch.setattr(loader, "load", never)
    assert problems(stages(tiny("sd"), tiny("sd_sibling"))) == []
