"""SDXL and its refiner give the bytes of the plain diffusers scripts, alone and as an ensemble of experts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import graphflow as gf
from tests import plain

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 4}
PLAIN = {"seed": 5, "steps": 4}
SAMPLERS = [
    (None, None),
    ("ddim", "DDIMScheduler"),
    ("dpmpp_2m_karras", ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True})),
]


def ran(type_, folder, *, latents=True, inputs=None, **params):
    graph = gf.Graph()
    ports = {}
    for name, value in (inputs or {}).items():
        ports[name] = graph.input(name, {"image": "image", "mask": "mask"}[name])
        del value
    stage = graph.add(type_, checkpoint=str(folder), **CALL | params, **ports)
    graph.output(image=stage.image, **({"latents": stage.latents} if latents else {}))
    return gf.run(graph, inputs=inputs)


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", ["sdxl", "sdxl_mean_std"])
def test_text2img_equals_the_plain_call(tiny, name, short, scheduler):
    found = ran("text2img", tiny(name), **({"scheduler": short} if short else {}))
    call = {**PLAIN, "scheduler": scheduler}
    assert np.array_equal(found["image"].array, plain.xl_text2img(tiny(name), "a red circle", **call))
    latents = plain.xl_text2img(tiny(name), "a red circle", output_type="latent", **call)
    assert torch.equal(found["latents"].tensor, latents)
    other = plain.xl_text2img(tiny(name), "a red circle", **call | {"seed": 6})
    assert not np.array_equal(found["image"].array, other)


SIZES = {"original_size": [32, 48], "target_size": [64, 64], "crops_coords_top_left": [8, 0]}
BELOW = {"negative_original_size": [16, 16], "negative_target_size": [64, 64]}
PARAMS = [
    {"negative_prompt": "blue"},
    {"negative_prompt": ""},
    {"guidance_scale": 1.0},
    {"guidance_rescale": 0.5},
    {"clip_skip": 1, "negative_prompt": "blue"},
    SIZES,
    {**SIZES, **BELOW},
    {"width": 48, "height": 80},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_params_mean_what_the_plain_call_means(tiny, params):
    call = {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}
    call |= {"guidance": call.pop("guidance_scale")} if "guidance_scale" in call else {}
    expected = plain.xl_text2img(tiny("sdxl"), "a red circle", **PLAIN, **call)
    assert np.array_equal(ran("text2img", tiny("sdxl"), **params)["image"].array, expected)


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", ["sdxl", "sdxl_refiner", "sdxl_mean_std"])
def test_img2img_of_a_picture_equals_the_plain_call(tiny, picture, name, short, scheduler):
    given = {"scheduler": short} if short else {}
    found = ran("img2img", tiny(name), inputs={"image": picture}, strength=0.7, **given)
    call = {**PLAIN, "strength": 0.7, "scheduler": scheduler}
    assert np.array_equal(found["image"].array, plain.xl_img2img(tiny(name), "a red circle", picture, **call))
    latents = plain.xl_img2img(tiny(name), "a red circle", picture, output_type="latent", **call)
    assert torch.equal(found["latents"].tensor, latents)
    assert found["latents"].tensor.stride() == latents.stride()


@pytest.mark.parametrize("type_", ["img2img", "refiner"])
def test_a_refiner_takes_a_score(tiny, picture, type_):
    score = {"aesthetic_score": 8.0, "negative_aesthetic_score": 1.0, "negative_prompt": "blue"}
    found = ran(type_, tiny("sdxl_refiner"), inputs={"image": picture}, strength=0.7, **score)
    expected = plain.xl_img2img(tiny("sdxl_refiner"), "a red circle", picture, strength=0.7, **PLAIN, **score)
    assert np.array_equal(found["image"].array, expected)
    assert not np.array_equal(expected, ran(type_, tiny("sdxl_refiner"), inputs={"image": picture}, strength=0.7))


@pytest.mark.parametrize("strength", [0.7, 0.9999])
@pytest.mark.parametrize("name", ["sdxl", "sdxl_inpaint", "sdxl_mean_std"])
def test_inpaint_of_a_picture_equals_the_plain_call(tiny, picture, mask, name, strength):
    found = ran("inpaint", tiny(name), inputs={"image": picture, "mask": mask}, strength=strength)
    call = {**PLAIN, "strength": strength}
    assert np.array_equal(found["image"].array, plain.xl_inpaint(tiny(name), "a red circle", picture, mask, **call))
    latents = plain.xl_inpaint(tiny(name), "a red circle", picture, mask, output_type="latent", **call)
    assert torch.equal(found["latents"].tensor, latents)


def test_a_refiner_with_a_mask_equals_the_plain_call(tiny, picture, mask):
    found = ran("refiner", tiny("sdxl_refiner"), inputs={"image": picture, "mask": mask}, strength=0.7)
    expected = plain.xl_inpaint(tiny("sdxl_refiner"), "a red circle", picture, mask, strength=0.7, **PLAIN)
    assert np.array_equal(found["image"].array, expected)


@pytest.mark.parametrize("name", ["sdxl", "sdxl_inpaint"])
def test_padding_mask_crop_equals_the_plain_call(tiny, name):
    photo = Image.fromarray(np.random.default_rng(3).integers(0, 256, (100, 130, 3), np.uint8))
    mask = Image.new("L", photo.size)
    mask.paste(255, (40, 30, 80, 70))
    given = {"padding_mask_crop": 16, "strength": 0.7}
    found = ran("inpaint", tiny(name), latents=False, inputs={"image": photo, "mask": mask}, **given)
    expected = plain.xl_inpaint(tiny(name), "a red circle", photo, mask, **PLAIN, **given)
    assert np.array_equal(found["image"].array, expected)


def test_latents_go_through_inpaint_and_img2img_as_in_the_plain_chain(tiny, mask):
    graph = gf.Graph()
    hole = graph.input("mask", "mask")
    text = graph.add("text2img", checkpoint=str(tiny("sdxl")), **CALL)
    fill = graph.add("inpaint", checkpoint=str(tiny("sdxl")), image=text.latents, mask=hole, strength=0.8, **CALL)
    last = graph.add("refiner", checkpoint=str(tiny("sdxl_refiner")), image=fill.latents, strength=0.5, **CALL)
    graph.output(image=last.image)
    latents = plain.xl_text2img(tiny("sdxl"), "a red circle", output_type="latent", **PLAIN)
    latents = plain.xl_inpaint(tiny("sdxl"), "a red circle", latents, mask, strength=0.8, output_type="latent", **PLAIN)
    expected = plain.xl_img2img(tiny("sdxl_refiner"), "a red circle", latents, strength=0.5, **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"mask": mask})["image"].array, expected)


def ensemble(base, refiner, at=0.8, *, base_steps=10, refiner_steps=10, samplers=("euler", "euler"), **params):
    graph = gf.Graph()
    call = {"prompt": "a red circle", "negative_prompt": "blue", "seed": 5}
    first = graph.add(
        "text2img", id="base", checkpoint=str(base), denoising_end=at, num_inference_steps=base_steps,
        scheduler=samplers[0], **call,
    )  # fmt: skip
    more = {"denoising_start": at, **call, **params}
    second = graph.add(
        "refiner", checkpoint=str(refiner), image=first.latents, num_inference_steps=refiner_steps,
        scheduler=samplers[1], **{key: value for key, value in more.items() if value is not None},
    )  # fmt: skip
    graph.output(image=second.image)
    return graph


@pytest.mark.parametrize("at", [0.7, 0.8])
@pytest.mark.parametrize(("short", "scheduler"), [
    ("euler", ("EulerDiscreteScheduler", {"use_karras_sigmas": False})),
    ("euler_karras", ("EulerDiscreteScheduler", {"use_karras_sigmas": True})),
    ("ddim", "DDIMScheduler"),
])  # fmt: skip
def test_the_ensemble_equals_the_plain_scripts(tiny, at, short, scheduler):
    graph = ensemble(tiny("sdxl"), tiny("sdxl_refiner"), at, samplers=(short, short))
    expected = plain.ensemble(
        tiny("sdxl"), tiny("sdxl_refiner"), "a red circle", "blue", at=at, seed=5, steps=10, scheduler=scheduler
    )
    assert np.array_equal(gf.run(graph)["image"].array, expected)


@pytest.mark.parametrize("at", [0.7, 0.8])
def test_the_ensemble_equals_the_plain_scripts_with_dpm_of_first_order(tiny, at):
    graph = gf.Graph()
    choice = {"name": "dpmpp_2m", "solver_order": 1}
    names = [graph.checkpoint(one, str(tiny(one)), scheduler=choice) for one in ("sdxl", "sdxl_refiner")]
    call = {"prompt": "a red circle", "negative_prompt": "blue", "seed": 5, "num_inference_steps": 10}
    first = graph.add("text2img", checkpoint=names[0], denoising_end=at, **call)
    second = graph.add("refiner", checkpoint=names[1], image=first.latents, denoising_start=at, **call)
    graph.output(image=second.image)
    scheduler = ("DPMSolverMultistepScheduler", {"use_karras_sigmas": False, "solver_order": 1})
    expected = plain.ensemble(
        tiny("sdxl"), tiny("sdxl_refiner"), "a red circle", "blue", at=at, seed=5, steps=10, scheduler=scheduler
    )
    assert np.array_equal(gf.run(graph)["image"].array, expected)


def test_base_and_refiner_share_the_vae_and_the_second_text_encoder(tiny, counted):
    counts, loader = counted
    with gf.Engine(loader=loader) as engine:
        result = engine.run(ensemble(tiny("sdxl"), tiny("sdxl_refiner")))
    assert counts == {
        "unet": 2, "vae": 1, "decode": 1, "text_encoder": 1, "tokenizer": 1, "text_encoder_2": 1, "tokenizer_2": 1,
    }  # fmt: skip
    texts = [path for path in result.executed if "/encode" in path]
    assert texts == [f"base/encode_{text}" for text in ("prompt", "negative", "prompt_2", "negative_2")]


def test_zeros_for_an_empty_negative_are_no_step(tiny):
    graph = gf.Graph()
    graph.add("text2img", checkpoint=str(tiny("sdxl")), **CALL)
    names = [step.path.partition("/")[2] for step in graph.plan().steps]
    assert names == ["encode_prompt", "encode_prompt_2", "sample", "decode"]


@pytest.mark.parametrize(("changed", "told"), [
    ({"refiner_steps": 8}, "num_inference_steps: 10"),
    ({"samplers": ("euler", "ddim")}, "name the same scheduler"),
    ({"samplers": ("euler", "euler_karras")}, "name the same scheduler"),
    ({"denoising_start": 0.7}, "denoising_start: 0.8"),
    ({"denoising_start": None}, "denoising_start: 0.8"),
    ({"strength": 0.5}, "remove strength"),
    ({"samplers": ("dpmpp_2m", "dpmpp_2m")}, "use scheduler: euler"),
    ({"samplers": ("unipc", "unipc")}, "use scheduler: euler"),
])  # fmt: skip
def test_an_ensemble_that_does_not_go_on_is_refused_by_check(tiny, changed, told):
    problems = ensemble(tiny("sdxl"), tiny("sdxl_refiner"), **changed).check().problems
    assert problems
    assert told in problems[0].fix


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_a_start_that_is_no_fraction_is_refused(tiny, start):
    with pytest.raises(gf.InvalidGraph, match="bad-value"):
        ensemble(tiny("sdxl"), tiny("sdxl_refiner"), denoising_start=start)


def test_noisy_latents_into_other_stages_are_refused(tiny, mask):
    graph = gf.Graph()
    first = graph.add("text2img", checkpoint=str(tiny("sdxl")), denoising_end=0.8, scheduler="euler", **CALL)
    graph.add("img2img", id="two", checkpoint=str(tiny("sdxl")), image=first.latents, **CALL)
    graph.add("vae_decode", id="three", checkpoint=str(tiny("sdxl")), latents=first.latents)
    graph.add(
        "refiner", id="four", checkpoint=str(tiny("sdxl_refiner")), image=first.latents, denoising_start=0.8,
        mask=graph.input("mask", "mask"), scheduler="euler", **CALL,
    )  # fmt: skip
    found = [(problem.code, problem.message.partition(":")[0]) for problem in graph.check({"mask": mask}).problems]
    assert found == [("latent-noise", "two"), ("latent-noise", "three"), ("node", "four")]


def test_params_of_sdxl_are_refused_for_stable_diffusion(tiny):
    graph = gf.Graph()
    graph.add("text2img", checkpoint=str(tiny("sd")), original_size=[64, 64], denoising_end=0.8, **CALL)
    assert [problem.message.split()[1] for problem in graph.check().problems][:2] == ["denoising_end", "original_size"]


def test_a_score_is_refused_where_the_checkpoint_has_none(tiny, picture):
    graph = gf.Graph()
    image = graph.input("image", "image")
    graph.add("img2img", checkpoint=str(tiny("sdxl")), image=image, aesthetic_score=8.0, **CALL)
    assert "aesthetic_score" in graph.check({"image": picture}).problems[0].message


@pytest.mark.parametrize(("type_", "name"), [("text2img", "sdxl_refiner"), ("refiner", "sd")])
def test_a_stage_that_the_family_has_not_is_refused(tiny, picture, type_, name):
    graph = gf.Graph()
    more = {"image": graph.input("image", "image")} if type_ == "refiner" else {}
    graph.add(type_, checkpoint=str(tiny(name)), **CALL, **more)
    assert f"cannot run {type_}" in graph.check({"image": picture} if more else {}).problems[0].message


def test_latents_of_sd_into_sdxl_are_refused(tiny):
    graph = gf.Graph()
    first = graph.add("text2img", checkpoint=str(tiny("sd")), **CALL)
    graph.add("refiner", checkpoint=str(tiny("sdxl_refiner")), image=first.latents, **CALL)
    assert [problem.code for problem in graph.check().problems] == ["latent-space"]


@pytest.mark.parametrize("dtype", ["float16"])
def test_half_precision_upcasts_where_the_class_does(tiny, picture, dtype):
    load = {"load": {"dtype": getattr(torch, dtype)}}
    graph = gf.Graph()
    name = graph.checkpoint("half", str(tiny("sdxl")), dtype=dtype)
    image = graph.input("image", "image")
    stage = graph.add("img2img", checkpoint=name, image=image, strength=0.7, **CALL)
    graph.output(image=stage.image)
    with pytest.warns(FutureWarning, match="upcast_vae"):
        expected = plain.xl_img2img(tiny("sdxl"), "a red circle", picture, strength=0.7, **PLAIN, **load)
    assert np.array_equal(gf.run(graph, inputs={"image": picture})["image"].array, expected)


@pytest.mark.parametrize(("type_", "params"), [
    ("text2img", {"denoising_end": 0.05}),
    ("text2img", {"denoising_end": 0.99}),
    ("img2img", {"denoising_end": 0.5, "strength": 0.3}),
    ("img2img", {"denoising_end": 0.5, "strength": 0.5}),
])  # fmt: skip
def test_a_split_that_leaves_one_side_without_a_step_is_refused(tiny, picture, type_, params):
    graph = gf.Graph()
    more = {"image": graph.input("image", "image")} if type_ == "img2img" else {}
    stage = graph.add(
        type_, checkpoint=str(tiny("sdxl")), scheduler="euler", **CALL | {"num_inference_steps": 10}, **params, **more
    )
    graph.output(latents=stage.latents)
    problems = graph.check({"image": picture} if more else {}).problems
    assert [problem.message.partition(": ")[2] for problem in problems] == [
        "denoising_end leaves one side without a step"
    ]


def test_the_picture_of_a_stage_that_stops_early_is_warned_of(tiny):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sdxl")), denoising_end=0.5, scheduler="euler", **CALL)
    graph.output(image=stage.image)
    assert [problem.code for problem in graph.check().problems] == ["noisy-picture"]


def test_latents_of_other_spaces_are_other_values(tiny):
    """Equal tensors of two spaces must not stand for each other in a store."""
    graph = gf.Graph()
    name = graph.input("checkpoint", "checkpoint")
    graph.output(latents=graph.add("text2img", checkpoint=name, prompt="x", num_inference_steps=2, seed=1).latents)
    with gf.Engine() as engine:
        found = [
            engine.run(graph, inputs={"checkpoint": str(tiny(one))})["latents"].space.scaling_factor
            for one in ("sd", "sd_scaled", "sd_scaled")
        ]
    assert found == [0.18215, 0.13025, 0.13025]


def test_a_refiner_of_two_stages_is_loaded_once(tiny, counted, picture, mask):
    """inpaint → refiner with a mask → img2img: the refiner's parts serve both last stages."""
    from tests.graphs.library import GRAPHS, checkpoints

    counts, loader = counted
    graph = gf.load(GRAPHS["inpaint_refine_img2img"])
    size = dict.fromkeys(("width", "height", "large_width", "large_height"), 64)
    inputs = {"image": picture, "mask": mask, "steps": 4, **size, **checkpoints("inpaint_refine_img2img", tiny)}
    with gf.Engine(loader=loader) as engine:
        engine.run(graph, inputs=inputs)
    assert counts == {
        "unet": 2, "vae": 2, "text_encoder": 1, "tokenizer": 1, "text_encoder_2": 1, "tokenizer_2": 1, "decode": 2,
    }  # fmt: skip
