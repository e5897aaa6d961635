"""Checkpoints that others made: early configs, words that were taught later, models for other tasks."""

from __future__ import annotations

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

import graphflow as gf
from tests import plain

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 2}
PLAIN = {"seed": 5, "steps": 2}
NOT_GIVEN = {"height": None, "width": None}


@pytest.fixture
def configured(tiny, tmp_path):
    """Makes a checkpoint whose UNet's config says something else."""

    def make(name="sd", **config):
        folder = tmp_path / "-".join([name, *map(str, config.values())])
        shutil.copytree(tiny(name), folder)
        path = folder / "unet" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config))
        return folder

    return make


def graph_of(node, folder, picture=None, mask=None, **more):
    graph = gf.Graph()
    given = {"image": graph.input("image", "image")} if picture else {}
    given |= {"mask": graph.input("mask", "mask")} if mask else {}
    graph.output(image=graph.add(node, checkpoint=str(folder), **given, **CALL | more).image)
    return graph, {key: value for key, value in (("image", picture), ("mask", mask)) if value}


def painted(*arguments, **more):
    graph, inputs = graph_of(*arguments, **more)
    return gf.run(graph, inputs=inputs)["image"].array


def problems(*arguments, **more):
    graph, inputs = graph_of(*arguments, **more)
    return graph.check(inputs).problems


# Sizes


@pytest.mark.filterwarnings("ignore:The configuration file of the unet:FutureWarning")
@pytest.mark.parametrize(("version", "side"), [("0.6.0", 512), ("0.8.1", 512), ("0.9.0", 64), ("0.10.2", 64)])
def test_a_small_sample_size_of_an_early_version_is_corrected_as_the_class_does_it(configured, version, side):
    folder = configured(_diffusers_version=version)
    expected = plain.text2img(folder, "a red circle", **PLAIN, **NOT_GIVEN)
    assert expected.shape == (side, side, 3)
    assert np.array_equal(painted("text2img", folder), expected)


@pytest.mark.filterwarnings("ignore:The configuration file of the unet:FutureWarning")
def test_a_crop_of_an_early_version_is_painted_at_the_corrected_size(configured, picture, mask):
    folder = configured(_diffusers_version="0.6.0")
    expected = plain.inpaint(folder, "a red circle", picture, mask, padding_mask_crop=4, **PLAIN, **NOT_GIVEN)
    assert np.array_equal(painted("inpaint", folder, picture, mask, padding_mask_crop=4), expected)
    assert not np.array_equal(painted("inpaint", folder, picture, mask, padding_mask_crop=4, width=64), expected)


def test_an_early_version_of_sdxl_keeps_its_size(configured):
    folder = configured("sdxl", _diffusers_version="0.6.0")
    expected = plain.xl_text2img(folder, "a red circle", **PLAIN, **NOT_GIVEN)
    assert np.array_equal(painted("text2img", folder), expected)


@pytest.mark.parametrize("size", [None, [64]])
@pytest.mark.parametrize("node", ["text2img", "inpaint"])
def test_a_size_that_is_not_known_is_asked_for(configured, picture, mask, node, size):
    given = (picture, mask) if node == "inpaint" else ()
    more = {"padding_mask_crop": 4} if node == "inpaint" else {}
    folder = configured(sample_size=size)
    for sides in ({}, {"width": 64}, {"height": 64}):
        (problem,) = problems(node, folder, *given, **more, **sides)
        assert problem.fix == "write width and height"
    assert not problems(node, folder, *given, **more, width=64, height=64)


@pytest.mark.parametrize("size", ["64", 0, 8.5, True])
def test_a_size_that_is_no_number_of_cells_is_a_broken_config(configured, size):
    with pytest.raises(gf.InvalidGraph) as refused:
        graph_of("text2img", configured(sample_size=size), width=64, height=64)
    (problem,) = refused.value.problems
    assert problem.code == "checkpoint-broken"
    assert "sample_size" in problem.why


@pytest.mark.parametrize("node", ["text2img", "img2img", "inpaint"])
def test_a_checkpoint_without_a_size_paints_as_with_one(configured, tiny, picture, mask, node):
    given = {"text2img": (), "img2img": (picture,), "inpaint": (picture, mask)}[node]
    sides = {"width": 64, "height": 64} if node == "text2img" else {}
    expected = getattr(plain, node)(tiny("sd"), "a red circle", *given, **PLAIN)
    assert np.array_equal(painted(node, configured(sample_size=None), *given, **sides), expected)


def test_a_stage_leaves_the_config_of_a_shared_unet_as_it_was(configured):
    graph, _ = graph_of("text2img", configured(_diffusers_version="0.6.0"), width=64, height=64)
    with gf.Engine() as engine:
        engine.run(graph)
        (unet,) = (model for _, model in engine.pool.loaded if isinstance(model, diffusers.UNet2DConditionModel))
    assert unet.config.sample_size == 8


# Words that were taught later


def taught(source, target, kind, *, vectors=3, **load):
    """A checkpoint whose text encoders were taught a word of several vectors."""
    pipe = kind.from_pretrained(source, **load)
    rng = torch.Generator().manual_seed(7)
    for number in ("", "_2") if hasattr(pipe, "tokenizer_2") else ("",):
        encoder, tokenizer = getattr(pipe, f"text_encoder{number}"), getattr(pipe, f"tokenizer{number}")
        learned = torch.randn(vectors, encoder.config.hidden_size, generator=rng)
        pipe.load_textual_inversion({"<cat>": learned}, text_encoder=encoder, tokenizer=tokenizer)
    pipe.save_pretrained(target)
    return target


@pytest.mark.parametrize("prompt", ["a red <cat> on a road", "<cat>", "<cat> <cat>_1 dog", "a dog"])
def test_a_word_of_several_vectors_reads_as_in_the_plain_call(tiny, tmp_path, prompt):
    folder = taught(tiny("sd"), tmp_path / "taught", StableDiffusionPipeline, safety_checker=None)
    expected = plain.text2img(folder, prompt, "blue <cat>", **PLAIN)
    assert np.array_equal(painted("text2img", folder, prompt=prompt, negative_prompt="blue <cat>"), expected)


def test_a_word_of_several_vectors_reads_as_in_the_plain_call_of_sdxl(tiny, tmp_path):
    folder = taught(tiny("sdxl"), tmp_path / "taught", StableDiffusionXLPipeline, add_watermarker=False)
    expected = plain.xl_text2img(folder, "a <cat>", **PLAIN)
    assert np.array_equal(painted("text2img", folder, prompt="a <cat>"), expected)


def test_what_is_left_out_counts_every_vector_of_a_word(tiny, tmp_path):
    folder = taught(tiny("sd"), tmp_path / "taught", StableDiffusionPipeline, vectors=10, safety_checker=None)
    graph, _ = graph_of("text2img", folder, prompt="<cat> " * 10)
    assert [one.message for one in gf.run(graph).warnings] == [
        "text2img/encode_prompt: the text is too long for its encoder"
    ]


# Models for other tasks


@pytest.mark.parametrize(
    ("channels", "what"), [(5, "depth map"), (7, "upscaler"), (8, "InstructPix2Pix"), (6, "other")]
)
@pytest.mark.parametrize("node", ["text2img", "img2img", "inpaint"])
def test_a_unet_for_another_task_is_told_as_what_it_is(configured, picture, mask, node, channels, what):
    folder = configured(in_channels=channels)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    first = tensors["conv_in.weight"]
    save_file(tensors | {"conv_in.weight": first.repeat(1, 3, 1, 1)[:, :channels].contiguous()}, weights)
    given = {"text2img": (), "img2img": (picture,), "inpaint": (picture, mask)}[node]
    (problem,) = problems(node, folder, *given)
    assert f"{channels} channels" in problem.why
    assert what in problem.why
    assert "inpaint" not in problem.fix
