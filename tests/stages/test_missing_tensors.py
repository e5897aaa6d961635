"""A model has exactly the weights of its files: what is missing, misshaped or left over is told, never made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import graphflow as gf
from graphflow.checkpoints.placed import Placed
from graphflow.errors import FileProblem
from graphflow.execute.loader import load
from graphflow_nodes.models.dpt import DPT
from tests.shipped import read_checkpoint
from tests.tiny import layouts

Tensors = dict[str, torch.Tensor]

FIRST = {
    "unet": "down_blocks.0.resnets.0.conv1.weight",
    "vae": "quant_conv.weight",
    "text_encoder": "encoder.layers.0.mlp.fc1.weight",
    "text_encoder_2": "text_projection.weight",
}
COUNTS = {"unet": 684, "vae": 244, "text_encoder": 52, "text_encoder_2": 53}


@pytest.fixture
def changed(tiny, tmp_path) -> Callable[..., Path]:
    """A checkpoint with other tensors, or another config, of one of its components."""

    def make(
        name: str, role: str, change: Callable[[Tensors], Tensors] = lambda tensors: tensors, **config: object
    ) -> Path:
        target = tmp_path / name
        shutil.copytree(tiny(name), target)
        (file,) = (target / role).glob("*.safetensors")
        save_file(change(load_file(file)), file, {"format": "pt"})
        told = target / role / "config.json"
        told.write_text(json.dumps(json.loads(told.read_text()) | config))
        return target

    return make


def problems(checkpoint: Path) -> list[gf.Problem]:
    graph = gf.Graph()
    try:
        graph.add("text2img", id="p", checkpoint=str(checkpoint), prompt="x", num_inference_steps=2)
    except gf.InvalidGraph as refused:
        return list(refused.problems)
    return list(graph.check().problems)


def without(*names: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: one for name, one in tensors.items() if name not in names}


def part(checkpoint: Path, role: str) -> Placed:
    """A component as a run takes it, whatever check says of it."""
    return Placed(read_checkpoint(str(checkpoint), checkpoint).components[role])


@pytest.mark.parametrize(
    ("name", "role"),
    [("sd", "unet"), ("sd", "vae"), ("sd", "text_encoder"), ("sdxl", "text_encoder"), ("sdxl", "text_encoder_2")],
)
def test_missing_tensor_is_told_with_its_name_and_the_count(name, role, changed):
    found = problems(changed(name, role, without(FIRST[role])))
    assert [(problem.code, problem.why) for problem in found] == [
        ("checkpoint-broken", f"its files do not hold {FIRST[role]}")
    ]
    assert f"1 of {COUNTS[role]} tensors of the {role} of " in found[0].message


def test_all_components_that_lack_tensors_are_told_at_once(changed):
    target = changed("sd", "unet", without(FIRST["unet"]))
    file = target / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({name: one for name, one in load_file(file).items() if "mid_block" not in name}, file)
    told = [problem.message.partition(": ")[2] for problem in problems(target)]
    assert told == [
        f"1 of 684 tensors of the unet of {target} is missing",
        f"52 of 244 tensors of the vae of {target} are missing",
    ]


@pytest.mark.parametrize("role", ["unet", "vae", "text_encoder"])
def test_tensor_of_another_shape_is_told_with_both(role, changed):
    def cut(tensors: Tensors) -> Tensors:
        return tensors | {FIRST[role]: tensors[FIRST[role]][:-1].clone()}

    (problem,) = problems(changed("sd", role, cut))
    assert f"1 of {COUNTS[role]} tensors of the {role} of " in problem.message
    assert problem.why.startswith(f"{FIRST[role]} is ")


@pytest.mark.parametrize(
    ("role", "config"),
    [
        ("unet", {"transformer_layers_per_block": 2}),
        ("unet", {"cross_attention_dim": 32}),
        ("vae", {"layers_per_block": 1}),
        ("vae", {"use_quant_conv": False}),
        ("text_encoder", {"num_hidden_layers": 2}),
        ("text_encoder", {"num_hidden_layers": 4}),
        ("text_encoder", {"vocab_size": 600}),
    ],
)
def test_config_of_another_model_is_told(role, config, changed):
    found = problems(changed("sd", role, **config))
    assert {problem.code for problem in found} == {"checkpoint-broken"}
    assert all(f"the {role} of " in problem.message for problem in found)


def test_tensor_that_stands_there_under_two_names_is_told(changed):
    def again(tensors: Tensors) -> Tensors:
        return tensors | {f"text_model.{FIRST['text_encoder']}": tensors[FIRST["text_encoder"]] * 2}

    (problem,) = problems(changed("sd", "text_encoder", again))
    assert "is stored twice" in problem.message


def prefixed(tensors: Tensors) -> Tensors:
    return {f"text_model.{name}": one for name, one in tensors.items()}


ACCEPTED = {
    "positions": ("text_encoder", layouts.old_text_encoder),
    "prefix": ("text_encoder", prefixed),
    "positions without a prefix": (
        "text_encoder",
        lambda tensors: tensors | {"embeddings.position_ids": torch.arange(77)[None]},
    ),
    "a whole CLIP": (
        "text_encoder",
        lambda tensors: (
            prefixed(tensors)
            | {"logit_scale": torch.ones(()), "vision_model.embeddings.class_embedding": torch.ones(16)}
            | {"text_projection.weight": torch.ones(16, 16), "visual_projection.weight": torch.ones(16, 16)}
        ),
    ),
    "old attention": ("vae", layouts.old_vae),
    "what only training reads": ("vae", lambda tensors: tensors | {"loss.logvar": torch.ones(())}),
    "averages": ("unet", lambda tensors: tensors | {"model_ema.decay": torch.ones(())}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_libraries_read_rightly_is_accepted(name, changed, tiny):
    role, change = ACCEPTED[name]
    target = changed("sd", role, change)
    assert problems(target) == []
    found, wanted = load(part(target, role).component), load(part(tiny("sd"), role).component)
    assert all(torch.equal(one, wanted.state_dict()[key]) for key, one in found.state_dict().items())


@pytest.mark.parametrize("name", ["sd", "sd_old", "sd_v", "sd_fp16", "sd_inpaint", "sdxl", "sdxl_refiner"])
def test_loaded_tensors_are_those_of_the_file(name, tiny):
    weighty = {role: files for role, files in read_checkpoint(name, tiny(name)).components.items() if files.weights}
    assert "unet" in weighty
    assert "vae" in weighty
    for role, files in weighty.items():
        stored: Tensors = {}
        for path in files.weights:
            stored |= {files.model.canonical(key): one for key, one in load_file(path).items()}
        model = load(Placed(files, "float16" if name == "sd_fp16" else "float32").component)
        loaded = {files.model.canonical(key): one for key, one in model.state_dict().items()}
        assert {key for key in stored if key} == set(loaded), role
        assert all(torch.equal(one, stored[key]) for key, one in loaded.items()), role


def test_depth_estimator_without_the_layers_that_it_never_reads_is_accepted(tiny, tmp_path):
    shutil.copytree(tiny("depth"), tmp_path / "depth")
    file = tmp_path / "depth" / "model.safetensors"
    kept = {key: one for key, one in load_file(file).items() if not DPT.never_reads(key)}
    assert len(kept) == len(load_file(file)) - 4
    save_file(kept, file, {"format": "pt"})
    files = read_checkpoint("depth", tmp_path / "depth").components[""]
    assert files.faults == ()
    assert load(Placed(files).component)
    save_file({key: one for key, one in kept.items() if key != "head.head.0.weight"}, file, {"format": "pt"})
    (fault,) = read_checkpoint("depth", tmp_path / "depth").components[""].faults
    assert fault.why == "its files do not hold head.head.0.weight"


def doubled(tensors: Tensors, key: str) -> Tensors:
    return tensors | {key.replace(".0.", ".9."): tensors[key].clone()}


LOADER = {
    "missing": lambda tensors, key: without(key)(tensors),
    "of another shape": lambda tensors, key: tensors | {key: tensors[key][:-1].clone()},
    "not in its config": doubled,
}


@pytest.mark.parametrize("told", LOADER)
@pytest.mark.parametrize("role", ["unet", "text_encoder"])
def test_loader_refuses_what_check_did_not_see(told, role, changed):
    target = changed("sd", role, lambda tensors: LOADER[told](tensors, FIRST[role]))
    with pytest.raises(FileProblem, match=rf"{role} of .* cannot be loaded") as caught:
        load(part(target, role).component)
    assert told in str(caught.value) or told == "of another shape"  # which the libraries say themselves
