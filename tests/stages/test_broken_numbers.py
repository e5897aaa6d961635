"""Weights that are NaN, and pictures made with them, are reported."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import graphflow as gf
from tests import plain

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 2}
FILES = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}


@pytest.fixture
def changed(tiny, tmp_path):
    """Makes a checkpoint in which a change was made to the tensors of a file."""

    def make(name, file, change):
        target = tmp_path / "changed"
        if tiny(name).is_file():
            target = target.with_suffix(".safetensors")
            save_file(change(load_file(tiny(name))), target, {"format": "pt"})
            return target
        shutil.copytree(tiny(name), target)
        save_file(change(load_file(target / file)), target / file, {"format": "pt"})
        return target

    return make


def whole(tensors):
    return {name: tensor.to(torch.int32) for name, tensor in tensors.items()}


def with_nan(part):
    return lambda tensors: {
        name: torch.full_like(tensor, torch.nan) if name == part else tensor for name, tensor in tensors.items()
    }


def problems(folder):
    graph = gf.Graph()
    try:
        graph.add("text2img", checkpoint=str(folder), **CALL)
    except gf.InvalidGraph as error:
        return error.problems
    return graph.check().problems


def run(folder, picture=None, mask=None, *, engine=None, **more):
    graph = gf.Graph()
    given = {"image": graph.input("image", "image"), "mask": graph.input("mask", "mask")} if picture else {}
    graph.output(image=graph.add("inpaint" if picture else "text2img", checkpoint=str(folder), **given, **CALL, **more))
    inputs = {"image": picture, "mask": mask} if picture else {}
    return (engine or gf).run(graph, inputs=inputs)


@pytest.mark.parametrize("role", FILES)
def test_weights_in_whole_numbers_are_refused_by_check(changed, role):
    (problem,) = problems(changed("sd", FILES[role], whole))
    assert problem.code == "checkpoint-broken"
    assert f"tensors of the {role} of" in problem.message
    assert "I32" in problem.why


def test_one_tensor_in_whole_numbers_is_named(changed):
    name = "decoder.conv_in.weight"
    (problem,) = problems(changed("sd", FILES["vae"], lambda tensors: tensors | {name: tensors[name].to(torch.uint8)}))
    assert "1 tensor of the vae" in problem.message
    assert f"{name}: U8" in problem.why


def test_positions_that_old_files_hold_in_whole_numbers_pass(tiny):
    assert not problems(tiny("sd_old"))


@pytest.mark.parametrize(
    ("role", "tensor", "cause"),
    [
        ("vae", "decoder.conv_in.weight", "VAE's weights"),
        ("unet", "conv_out.weight", "latents already have such values"),
    ],
)
def test_a_picture_of_broken_weights_is_warned_of(changed, role, tensor, cause):
    folder = changed("sd", FILES[role], with_nan(tensor))
    result = run(folder)
    (warning,) = result.warnings
    assert warning.message == "text2img/decode: 100% of the picture's values are NaN"
    assert cause in warning.why
    assert result["image"].array.max() == 0


def test_a_crop_of_broken_weights_is_warned_of(changed, picture, mask):
    folder = changed("sd", FILES["vae"], with_nan("decoder.conv_in.weight"))
    (warning,) = run(folder, picture, mask, padding_mask_crop=4).warnings
    assert warning.message == "inpaint/paint: 100% of the picture's values are NaN"


def test_a_vae_that_exceeds_float16_is_warned_of_there_alone(changed):
    name = "decoder.conv_out.weight"
    folder = changed("sd", FILES["vae"], lambda tensors: tensors | {name: tensors[name] * 6e4})
    with gf.Engine(dtype="float16") as engine:
        (warning,) = run(folder, engine=engine).warnings
    assert "65,504, the largest float16" in warning.why
    assert "dtype: float32" in warning.fix
    whole_precision = run(folder)
    assert not whole_precision.warnings
    expected = plain.text2img(folder, "a red circle", seed=5, steps=2)
    assert np.array_equal(whole_precision["image"].array, expected)


def test_the_watch_on_a_shared_vae_ends_with_its_step(tiny):
    with gf.Engine() as engine:
        assert not run(tiny("sd"), engine=engine).warnings
        (vae,) = (model for _, model in engine.pool.loaded if type(model).__name__ == "AutoencoderKL")
    assert not vae.decoder._forward_hooks
