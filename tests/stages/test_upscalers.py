"""The upscalers give the bytes of the plain diffusers scripts, and leave what they share with others as it is."""

from __future__ import annotations

import json
import shutil
import warnings
from itertools import permutations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import graphflow as gf
from tests import plain
from tests.tiny import upscalers

CALL = {"prompt": "a red circle", "seed": 5}
STEPS = {"num_inference_steps": 3}


def ran(type_, folder, image, *, wanted=("image", "latents"), **params):
    graph = gf.Graph()
    given = graph.input("image", "latents" if isinstance(image, gf.Latents) else "image")
    stage = graph.add(type_, checkpoint=str(folder), image=given, **CALL | STEPS | params)
    graph.output(**{name: getattr(stage, name) for name in wanted})
    return gf.run(graph, inputs={"image": image})


def same(found, script, folder, image, **call):
    """Whether a stage's picture and latents are those of a script, and another seed's are not."""
    call = {**CALL, "steps": 3, **call}
    picture, latents = (script(folder, image=image, output_type=kind, **call) for kind in ("pil", "latent"))
    other = script(folder, image=image, **call | {"seed": 6})
    assert not np.array_equal(found["image"].array, other)
    return np.array_equal(found["image"].array, picture) and torch.equal(found["latents"].tensor, latents)


def problems(*nodes, **inputs):
    """Code and text of each problem of a graph with these nodes; a node is its type, its checkpoint and the rest.

    `$0` stands for the first node; `inputs` are pictures by the names of inputs.
    """
    graph = gf.Graph()
    given = {name: graph.input(name, "image") for name in inputs}
    made = []
    for type_, checkpoint, params in nodes:
        values = {key: given.get(value, value) if isinstance(value, str) else value for key, value in params.items()}
        for key, value in values.items():
            if isinstance(value, str) and value.startswith("$"):
                number, _, output = value[1:].partition(".")
                values[key] = getattr(made[int(number)], output)
        made.append(graph.add(type_, checkpoint=str(checkpoint), **values))
    return [(one.code, str(one)) for one in graph.check(inputs).problems]


@pytest.fixture(scope="module")
def small() -> Image.Image:
    """A picture of 24×16 random pixels."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8))


@pytest.fixture(scope="module")
def painted(tiny, picture):
    """Latents of another checkpoint with the upscaler's VAE."""
    return ran("img2img", tiny("sd"), picture)["latents"]


# The latent upscaler.


UPSCALE = [
    {},
    {"negative_prompt": "blue"},
    {"guidance_scale": 1.0},
    {"guidance_scale": 0.5},
    {"guidance_scale": 0.0},
    {"guidance_scale": 0.0, "negative_prompt": "blue"},
    {"scheduler": "euler_karras"},
]


def call_of(params):
    karras = ("EulerDiscreteScheduler", {"use_karras_sigmas": True})
    return {key: karras if value == "euler_karras" else value for key, value in params.items()}


@pytest.mark.parametrize("params", UPSCALE, ids=str)
def test_upscale_of_a_picture_equals_the_plain_call(tiny, picture, params):
    found = ran("upscale", tiny("latent_upscaler"), picture, **params)
    assert found["image"].size == (128, 128)
    assert same(found, plain.upscale, tiny("latent_upscaler"), picture, **call_of(params))


@pytest.mark.parametrize("params", UPSCALE, ids=str)
def test_upscale_of_latents_equals_the_plain_call(tiny, painted, params):
    found = ran("upscale", tiny("latent_upscaler"), painted, **params)
    assert same(found, plain.upscale, tiny("latent_upscaler"), painted.tensor, **call_of(params))


def test_upscale_keeps_the_form_of_a_picture(tiny, picture):
    wide = picture.resize((96, 64))
    found = ran("upscale", tiny("latent_upscaler"), wide)
    assert found["image"].size == (192, 128)
    assert same(found, plain.upscale, tiny("latent_upscaler"), wide)


def test_upscaled_latents_go_on_to_other_stages_of_the_vae(tiny, painted):
    graph = gf.Graph()
    given = graph.input("latents", "latents")
    large = graph.add("upscale", checkpoint=str(tiny("latent_upscaler")), image=given, **CALL | STEPS)
    polish = graph.add("img2img", checkpoint=str(tiny("sd")), image=large.latents, **CALL | STEPS)
    graph.output(image=polish.image)
    latents = plain.upscale(tiny("latent_upscaler"), image=painted.tensor, output_type="latent", steps=3, **CALL)
    expected = plain.img2img(tiny("sd"), image=latents, steps=3, **CALL)
    assert np.array_equal(gf.run(graph, inputs={"latents": painted})["image"].array, expected)


def test_upscale_reports_its_steps_and_can_be_cancelled(tiny, picture):
    graph = gf.Graph()
    given = graph.input("image", "image")
    stage = graph.add("upscale", checkpoint=str(tiny("latent_upscaler")), image=given, **CALL | STEPS)
    graph.output(image=stage.image)
    seen = []
    with gf.Engine() as engine:

        def note(event):
            if type(event).__name__ == "StepProgress":
                seen.append((event.done, event.total))
                if len(seen) == 2:
                    engine.cancel()

        with pytest.raises(gf.Cancelled):
            engine.run(graph, inputs={"image": picture}, on_event=note)
        again = engine.run(graph, inputs={"image": picture})
    assert seen == [(1, 3), (2, 3)]
    assert np.array_equal(again["image"].array, plain.upscale(tiny("latent_upscaler"), image=picture, steps=3, **CALL))


# The ×4 upscaler.


SUPER = [
    {},
    {"negative_prompt": "blue"},
    {"guidance_scale": 1.0},
    {"noise_level": 0},
    {"noise_level": 350},
    {"eta": 0.5},
    {"scheduler": "euler"},
    {"scheduler": "pndm", "num_inference_steps": 4},
    {"scheduler": "heun"},
    {"scheduler": "IPNDMScheduler"},
]
NAMES = {"num_inference_steps": "steps"}
CLASSES = {"euler": "EulerDiscreteScheduler", "pndm": "PNDMScheduler", "heun": "HeunDiscreteScheduler"}
"""Name → how the script is given the same."""


@pytest.mark.parametrize("params", SUPER, ids=str)
def test_super_resolution_equals_the_plain_call(tiny, small, params):
    found = ran("super_resolution", tiny("super_resolution"), small, **params)
    assert found["image"].size == (96, 64)
    call = {NAMES.get(key, key): CLASSES.get(value, value) for key, value in params.items()}
    assert same(found, plain.super_resolution, tiny("super_resolution"), small, **call)


def test_super_resolution_uses_its_own_scaling_factor_whatever_the_config_says(tiny, small):
    found = ran("super_resolution", tiny("super_resolution_unscaled"), small)
    with pytest.warns(FutureWarning, match="wrong scaling_factor|scaling_factor"):
        assert same(found, plain.super_resolution, tiny("super_resolution_unscaled"), small)


def test_super_resolution_reads_a_weighted_prompt(tiny, small):
    pytest.importorskip("compel")
    folder, graph = tiny("super_resolution"), gf.Graph()
    given = graph.input("image", "image")
    text = graph.add("encode_prompt", checkpoint=str(folder), prompt="a red circle", negative_prompt="")
    stage = graph.add("super_resolution", checkpoint=str(folder), image=given, prompt=text, seed=5, **STEPS)
    graph.output(image=stage.image)
    expected = plain.super_resolution(folder, image=small, steps=3, **CALL)
    assert np.array_equal(gf.run(graph, inputs={"image": small})["image"].array, expected)


# In other precisions; the VAE of the ×4 upscaler decodes in float32.


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("type_", ["upscale", "super_resolution"])
def test_half_precision_equals_the_plain_call(tiny, picture, small, type_, dtype):
    folder = tiny("latent_upscaler" if type_ == "upscale" else type_)
    graph, image = gf.Graph(), picture if type_ == "upscale" else small
    given = graph.input("image", "image")
    half = graph.checkpoint("half", str(folder), dtype=dtype)
    graph.output(image=graph.add(type_, checkpoint=half, image=given, **CALL | STEPS).image)
    found = gf.run(graph, inputs={"image": image})["image"].array
    script, call = getattr(plain, type_), {**CALL, "steps": 3}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`upcast_vae` is deprecated", FutureWarning)
        expected = script(folder, image=image, dtype=getattr(torch, dtype), **call)
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, script(folder, image=image, **call))


# What is shared stays as it is.


def borrowing(tiny, order):
    """img2img with the VAE of the ×4 upscaler, whose config the plain class would rewrite, and the upscaler itself."""
    upscaler = tiny("super_resolution_unscaled")
    graph = gf.Graph()
    given = graph.input("image", "image")
    lent = graph.checkpoint("lent", str(tiny("sd")), components={"vae": str(upscaler)})
    for name in order:
        checkpoint, type_ = (lent, "img2img") if name == "painted" else (str(upscaler), "super_resolution")
        stage = graph.add(type_, id=name, checkpoint=checkpoint, image=given, **CALL | STEPS)
        graph.output(**{name: stage.image})
    return graph


@pytest.mark.parametrize("order", [*permutations(("painted", "enlarged"))], ids=str)
def test_a_stage_that_shares_the_vae_is_unchanged_after_super_resolution(tiny, small, counted, order):
    counts, loader = counted
    with gf.Engine(loader=loader) as engine:
        both = engine.run(borrowing(tiny, order), inputs={"image": small})
        assert counts["vae"] == 1
        for name in order:
            alone = gf.run(borrowing(tiny, (name,)), inputs={"image": small})
            assert np.array_equal(both[name].array, alone[name].array), name


@pytest.mark.parametrize("first", ["upscale", "img2img"])
def test_a_stage_that_shares_the_vae_is_unchanged_after_upscale(tiny, picture, first):
    folders = {"upscale": tiny("latent_upscaler"), "img2img": tiny("sd")}
    graph = gf.Graph()
    given = graph.input("image", "image")
    for type_ in (first, *folders.keys() - {first}):
        stage = graph.add(type_, checkpoint=str(folders[type_]), image=given, **CALL | STEPS)
        graph.output(**{type_: stage.image})
    found = gf.run(graph, inputs={"image": picture})
    for type_, folder in folders.items():
        script = getattr(plain, type_)
        assert np.array_equal(found[type_].array, script(folder, image=picture, steps=3, **CALL)), type_


# Refusals and hints.


IMAGE, SMALL = {"image": "image", **CALL}, Image.new("RGB", (64, 64))


def sized(width, height):
    """A node that makes a picture of this size, of which the others read."""
    return {"prompt": "a", "width": width, "height": height}


def test_super_resolution_refuses_latents_and_names_the_picture(tiny):
    with pytest.raises(gf.GraphflowError) as refused:
        problems(
            ("text2img", tiny("sd"), {"prompt": "a"}),
            ("super_resolution", tiny("super_resolution"), {**CALL, "image": "$0.latents"}),
        )
    assert "latents-to-picture" in str(refused.value)
    assert ".image" in str(refused.value)


@pytest.mark.parametrize("output", ["image", "latents"])
@pytest.mark.parametrize(("width", "height", "named"), [(72, 64, "width 72"), (64, 80, "height 80")])
def test_upscale_refuses_a_size_that_its_unet_cannot_do(tiny, width, height, output, named):
    ((code, text),) = problems(
        ("text2img", tiny("sd"), sized(width, height)),
        ("upscale", tiny("latent_upscaler"), {**CALL, "image": f"$0.{output}"}),
    )[:1]
    assert code == "node"
    assert f"the {named} is not a multiple of 32" in text
    assert ("latent_resize" in text) is (output == "latents")


def test_upscale_refuses_a_picture_that_is_too_small(tiny):
    found = problems(
        ("text2img", tiny("sd"), sized(32, 64)),
        ("upscale", tiny("latent_upscaler"), {**CALL, "image": "$0.latents"}),
    )
    assert [text for _, text in found if "the width 32 is too small" in text]


def test_latents_of_another_space_are_refused(tiny):
    ((code, text),) = problems(
        ("text2img", tiny("sd_scaled"), {"prompt": "a"}),
        ("upscale", tiny("latent_upscaler"), {**CALL, "image": "$0.latents"}),
    )
    assert code == "latent-space"
    assert "use the sender's .image" in text


def test_latents_of_super_resolution_are_refused_elsewhere(tiny):
    found = problems(
        ("super_resolution", tiny("super_resolution"), IMAGE),
        ("img2img", tiny("sd"), {**CALL, "image": "$0.latents"}),
        image=SMALL,
    )
    assert [code for code, _ in found] == ["latent-space"]


def test_a_picture_that_was_just_decoded_could_stay_in_latents(tiny):
    found = problems(
        ("text2img", tiny("sd"), {"prompt": "a"}),
        ("upscale", tiny("latent_upscaler"), {**CALL, "image": "$0.image"}),
    )
    assert [(code, "could stay in latent space" in text) for code, text in found] == [("node-hint", True)]


def test_a_prompt_without_effect_is_a_hint(tiny):
    def found(**params):
        return problems(("upscale", tiny("latent_upscaler"), {**IMAGE, **params}), image=SMALL)

    ((code, text),) = found(guidance_scale=0.0)
    assert (code, "prompt has no effect" in text) == ("node-hint", True)
    assert found(guidance_scale=0.0, prompt="") == []
    assert found(guidance_scale=1.0) == []


def test_upscale_runs_with_euler_only(tiny):
    with pytest.raises(gf.GraphflowError, match="euler or euler_karras"):
        problems(("upscale", tiny("latent_upscaler"), {**IMAGE, "scheduler": "ddim"}), image=SMALL)
    graph = gf.Graph()
    given = graph.input("image", "image")
    other = graph.checkpoint("other", str(tiny("latent_upscaler")), scheduler="ddim")
    graph.output(image=graph.add("upscale", checkpoint=other, image=given, **CALL).image)
    (problem,) = graph.check({"image": SMALL}).problems
    assert "this stage can only use EulerDiscreteScheduler" in str(problem)


def test_a_large_result_is_refused(tiny):
    _, (code, text) = problems(
        ("text2img", tiny("sd"), sized(4096, 2048)),
        ("super_resolution", tiny("super_resolution"), {**CALL, "image": "$0.image"}),
    )
    assert code == "picture-too-large"
    assert "16384 × 8192" in text


@pytest.mark.parametrize(("level", "most"), [(351, 350), (1000, 350)])
def test_a_noise_level_that_the_class_refuses_is_refused(tiny, level, most):
    ((_, text),) = problems(
        ("super_resolution", tiny("super_resolution"), {**IMAGE, "noise_level": level}), image=SMALL
    )
    assert f"noise_level cannot be {level}" in text
    assert f"write {most} or less" in text


@pytest.mark.parametrize("stage", ["img2img", "text2img"])
@pytest.mark.parametrize("name", ["latent_upscaler", "super_resolution"])
def test_an_upscaler_runs_no_other_stage(tiny, name, stage):
    given = {"image": "image"} if stage == "img2img" else {}
    ((_, text),) = problems((stage, tiny(name), {**CALL, **given}), **{"image": SMALL} if given else {})
    assert f"which has the stage {'upscale' if name == 'latent_upscaler' else 'super_resolution'}" in text


@pytest.mark.parametrize("stage", ["upscale", "super_resolution"])
def test_another_checkpoint_cannot_upscale(tiny, stage):
    ((_, text),) = problems((stage, tiny("sd"), IMAGE), image=SMALL)
    assert f"cannot run {stage}" in text


UNETS = [
    ("latent_upscaler", {"in_channels": 4}, "noise and picture have 8"),
    ("latent_upscaler", {"out_channels": 4}, "needs 5"),
    ("latent_upscaler", {"cross_attention_dim": 24}, "reads texts 24 wide, but they are 16 wide"),
    ("latent_upscaler", {"time_cond_proj_dim": 16}, "gets 144"),
    ("super_resolution", {"in_channels": 4}, "latents and picture have 7"),
    ("super_resolution", {"num_class_embeds": None}, "does not read the noise level"),
    ("super_resolution", {"num_class_embeds": 20}, "knows levels up to 19"),
    ("super_resolution", {"cross_attention_dim": 16}, "reads texts 16 wide, but they are 24 wide"),
]
STAGES = {"latent_upscaler": "upscale", "super_resolution": "super_resolution"}


@pytest.mark.parametrize(("name", "changes", "expected"), UNETS, ids=str)
def test_a_unet_that_does_not_fit_is_refused(tiny, tmp_path, name, changes, expected):
    folder = tmp_path / name
    shutil.copytree(tiny(name), folder)
    make = upscalers.latent_unet if name == "latent_upscaler" else upscalers.pixel_unet
    make(1, **changes).save_pretrained(folder / "unet")
    found = problems((STAGES[name], folder, IMAGE), image=SMALL)
    assert any(expected in text for _, text in found), found


LOW = [
    ({"_class_name": "DDIMScheduler"}, "is DDIMScheduler, but must be"),
    ({"_class_name": 1.5}, "is 1.5, but must be"),
    ({"beta_start": "x"}, "beta_start of the low_res_scheduler"),
    ({"num_train_timesteps": -3}, "num_train_timesteps of the low_res_scheduler"),
    ({"num_train_timesteps": "x"}, "num_train_timesteps of the low_res_scheduler"),
]


@pytest.mark.parametrize(("changes", "expected"), LOW, ids=str)
def test_a_scheduler_that_cannot_add_noise_to_the_picture_is_refused(tiny, tmp_path, changes, expected):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("super_resolution"), folder)
    config, index = folder / "low_res_scheduler/scheduler_config.json", folder / "model_index.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    named = ["diffusers", changes.get("_class_name", "DDPMScheduler")]
    index.write_text(json.dumps(json.loads(index.read_text()) | {"low_res_scheduler": named}))
    found = problems(("super_resolution", folder, IMAGE), image=SMALL)
    assert any(expected in text for _, text in found), found


STRANGE = [
    ({"mid_block_type": "UNetMidBlock2D"}, "it has mid_block_type UNetMidBlock2D"),
    ({"norm_num_groups": 32}, "it has norm_num_groups 32"),
    ({"time_embedding_type": "positional"}, "it has time_embedding_type positional"),
    ({"up_block_types": [*["KCrossAttnUpBlock2D"] * 3, "UpBlock2D"]}, "it has the block UpBlock2D"),
]


@pytest.mark.parametrize(("changes", "expected"), STRANGE, ids=str)
def test_the_unet_of_another_kind_of_model_is_refused(tiny, tmp_path, changes, expected):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("latent_upscaler"), folder)
    config = folder / "unet/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    found = problems(("upscale", folder, IMAGE), image=SMALL)
    assert any(expected in text for _, text in found), found


def test_a_tensor_that_the_unet_of_the_latent_upscaler_lacks_is_named(tiny, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(tiny("latent_upscaler"), folder)
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    del tensors["up_blocks.1.attentions.0.attn2.norm_cross.weight"]
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(gf.GraphflowError, match=r"do not hold up_blocks\.1\.attentions\.0\.attn2\.norm_cross\.weight"):
        problems(("upscale", folder, IMAGE), image=SMALL)


def test_the_vae_of_stable_diffusion_does_not_fit_the_x4_upscaler(tiny):
    graph = gf.Graph()
    given = graph.input("image", "image")
    mixed = graph.checkpoint("mixed", str(tiny("super_resolution")), components={"vae": str(tiny("sd"))})
    graph.output(image=graph.add("super_resolution", checkpoint=mixed, image=given, **CALL).image)
    (problem,) = graph.check({"image": SMALL}).problems
    assert problem.code == "wrong-part"
    assert "8 times as large" in str(problem)
