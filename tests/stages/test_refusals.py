"""What a stage refuses is refused by `check`, before any weight is loaded."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

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


@pytest.mark.parametrize("steps", [1, 3, 7, 49, 150, 999, 1000])
def test_the_strength_that_is_told_runs_a_step(tiny, steps):
    ((_, text),) = problems(stages(tiny("sd"), tiny("sd"), strength=0.0, num_inference_steps=steps))
    told = float(text.partition("raise strength to ")[2].split()[0])
    assert problems(stages(tiny("sd"), tiny("sd"), strength=told, num_inference_steps=steps)) == []


def test_two_nodes_built_in_python_are_refused_each(tiny):
    def build(graph):
        for name in ("one", "two"):
            graph.add("text2img", id=name, checkpoint=str(tiny("sd")), prompt="x", width=60)

    assert [text.split(": ")[1] for _, text in problems(build)] == ["one", "two"]


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


def filled(tiny, name, *, latents=True, **params):
    """text2img into inpaint, with a mask of the same size."""

    def build(graph):
        one = graph.add("text2img", id="one", checkpoint=str(tiny("sd")), prompt="x", num_inference_steps=2)
        mask = graph.add("mask_shape", shape="rectangle", box=[0, 0, 0.5, 1], width=64, height=64)
        image = one.latents if latents else one.image
        return graph.add("inpaint", id="two", checkpoint=str(tiny(name)), image=image, mask=mask, prompt="x", **params)

    return build


def test_latents_into_a_unet_of_nine_channels_are_refused(tiny):
    ((code, text),) = problems(filled(tiny, "sd_inpaint"))
    assert code == "latents-to-picture"
    assert "reads the masked picture's pixels" in text
    assert problems(filled(tiny, "sd")) == []


@pytest.mark.parametrize("name", ["sd_inpaint", "sdxl_inpaint"])
def test_a_unet_of_nine_channels_without_a_mask_is_refused(tiny, name):
    (_, text), *_ = problems(stages(tiny(name), tiny(name), strength=1.0))
    assert f"{name} cannot run text2img" in text
    assert "9 channels" in text
    assert len(problems(stages(tiny(name), tiny(name), strength=1.0))) == 2


def test_latents_with_a_crop_are_refused(tiny):
    ((code, _),) = problems(filled(tiny, "sd", padding_mask_crop=8))
    assert code == "latents-to-picture"


def test_latents_of_a_crop_are_refused(tiny):
    def build(graph):
        two = filled(tiny, "sd", latents=False, padding_mask_crop=8)(graph)
        graph.add("img2img", id="three", checkpoint=str(tiny("sd")), image=two.latents, prompt="x")

    assert "pasted into the picture" in problems(build)[0][1]


def test_a_mask_of_another_size_is_refused(tiny):
    def build(graph):
        one = graph.add("text2img", id="one", checkpoint=str(tiny("sd")), prompt="x", num_inference_steps=2)
        mask = graph.add("mask_shape", shape="rectangle", box=[0, 0, 0.5, 1], width=32, height=64)
        graph.add("inpaint", checkpoint=str(tiny("sd")), image=one.latents, mask=mask, prompt="x")

    ((code, text),) = problems(build)
    assert code == "size-mismatch"
    assert "32×64" in text


def cropped(tiny, mask):
    """inpaint with a crop; `mask` makes the mask's source of the graph."""
    graph = gf.Graph()
    image = graph.input("image", "image")
    call = {"checkpoint": str(tiny("sd")), "prompt": "x", "padding_mask_crop": 4}
    graph.output(image=graph.add("inpaint", image=image, mask=mask(graph, image), **call).image)
    return graph


def never(component):
    raise AssertionError(f"{component.label} was loaded")


def test_a_black_mask_with_a_crop_is_refused_by_check(tiny, picture, tmp_path):
    path = tmp_path / "black.png"
    Image.new("L", (64, 64)).save(path)
    for source in (
        lambda graph, image: str(path),
        lambda graph, image: graph.add("load_image", path=str(path)).image,
        lambda graph, image: graph.input("mask", "mask", default=str(path)),
    ):
        (problem,) = cropped(tiny, source).check({"image": picture}).problems
        assert "completely black" in problem.message


def test_a_black_mask_with_a_crop_is_refused_before_anything_is_loaded_where_it_is_made(tiny, picture):
    graph = cropped(tiny, lambda graph, image: graph.add("mask_threshold", mask=image, threshold=1.0))
    with gf.Engine(loader=never) as engine, pytest.raises(gf.RunFailed, match="completely black"):
        engine.run(graph, inputs={"image": picture.point(lambda value: value // 2)})


@pytest.mark.parametrize("change", [{"decoder": {"type": "x"}}, {"version": "9"}, {"padding": {"strategy": "x"}}])
def test_tokenizer_that_cannot_be_loaded_is_a_problem_of_its_file(change, tiny, tmp_path):
    """The library raises a bare Exception of what only it understands."""
    folder = shutil.copytree(tiny("sd"), tmp_path / "sd")
    file = folder / "tokenizer" / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint=str(folder), prompt="x", num_inference_steps=1).image)
    with pytest.raises(gf.RunFailed) as caught:
        gf.run(graph)
    failures = [str(failure) for failure in caught.value.result.failed.values()]
    assert all(f"tokenizer of {folder} cannot be loaded: " in failure for failure in failures), failures


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"decoder": "x"}, "its decoder is not a map with a type"),
        ({"normalizer": {}}, "its normalizer is not a map with a type"),
        ({"padding": {}}, "its padding is not a map with a strategy"),
        ({"version": 1}, "its version is not text"),
    ],
)
def test_tokenizer_with_a_part_of_another_type_is_told_by_check(change, why, tiny, tmp_path):
    folder = shutil.copytree(tiny("sd"), tmp_path / "sd")
    file = folder / "tokenizer" / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(gf.InvalidGraph) as caught:
        gf.Graph().add("text2img", checkpoint=str(folder), prompt="x")
    assert [problem.why for problem in caught.value.problems] == [why]


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("added_tokens.json", {"<cat>": 548}, "the tokenizer has 549 tokens, but the text_encoder knows 548"),
        ("tokenizer_config.json", {"model_max_length": 78}, "has 78 places of a text, but the text_encoder knows 77"),
    ],
)
def test_a_tokenizer_of_more_than_its_text_encoder_knows_is_refused(name, change, why, tiny, tmp_path):
    """Such a text ends in an IndexError of torch, or in numbers of other words."""
    folder = shutil.copytree(tiny("sd"), tmp_path / "sd")
    config = folder / "tokenizer" / "tokenizer_config.json"
    told = {key: value for key, value in json.loads(config.read_text()).items() if key != "added_tokens_decoder"}
    config.write_text(json.dumps(told))
    file = folder / "tokenizer" / name
    file.write_text(json.dumps((json.loads(file.read_text()) if file.is_file() else {}) | change))
    ((code, text),) = problems(lambda graph: graph.add("text2img", checkpoint=str(folder), prompt="x"))
    assert code == "wrong-part"
    assert why in text


@pytest.mark.parametrize("steps", [1, 3])
def test_fewer_steps_than_a_sampler_starts_with_are_refused(tiny, tmp_path, steps):
    folder = shutil.copytree(tiny("sd"), tmp_path / "sd")
    config = folder / "scheduler" / "scheduler_config.json"
    told = {"_class_name": "PNDMScheduler", "skip_prk_steps": False}
    config.write_text(json.dumps(json.loads(config.read_text()) | told))
    stage = {"checkpoint": str(folder), "prompt": "x"}
    assert problems(lambda graph: graph.add("text2img", **stage, num_inference_steps=4)) == []
    ((_, text),) = problems(lambda graph: graph.add("text2img", **stage, num_inference_steps=steps))
    assert "write num_inference_steps: 4, or more" in text
