"""What diffusers takes silently, changes behind one's back or gets wrong, and graphflow must not step into."""

from __future__ import annotations

import inspect
import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import graphflow as gf
from graphflow.execute.events import StepProgress
from graphflow_nodes.models.samplers import PACKAGES, SAMPLERS, TAKING_ETA
from tests import plain

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 3}
PLAIN = {"seed": 5, "steps": 3}


def img2img(folder, image, **params):
    graph = gf.Graph()
    given = graph.input("image", "image")
    graph.output(image=graph.add("img2img", checkpoint=str(folder), image=given, **CALL | params).image)
    return gf.run(graph, inputs={"image": image})["image"].array


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "1", "LA", "CMYK"])
def test_a_picture_of_any_mode_is_a_picture(tiny, picture, mode):
    """Four channels would be taken for latents, one channel crashes."""
    given = picture.convert(mode)
    assert np.array_equal(
        img2img(tiny("sd"), given), plain.img2img(tiny("sd"), "a red circle", given.convert("RGB"), **PLAIN)
    )


def test_a_mask_goes_in_as_a_grey_picture(tiny, mask):
    graph = gf.Graph()
    given = graph.input("mask", "mask")
    graph.output(image=graph.add("img2img", checkpoint=str(tiny("sd")), image=given, **CALL).image)
    expected = plain.img2img(tiny("sd"), "a red circle", mask.convert("RGB"), **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"mask": mask})["image"].array, expected)


def test_latents_that_two_stages_read_reach_both_unchanged(tiny, mask):
    graph = gf.Graph()
    hole = graph.input("mask", "mask")
    text = graph.add("text2img", checkpoint=str(tiny("sd")), **CALL)
    first = graph.add("inpaint", checkpoint=str(tiny("sd")), image=text.latents, mask=hole, **CALL)
    second = graph.add("img2img", checkpoint=str(tiny("sd_sibling")), image=text.latents, **CALL)
    third = graph.add("img2img", checkpoint=str(tiny("sd")), image=text.latents, **CALL)
    graph.output(latents=text.latents, first=first.latents, second=second.latents, third=third.latents)
    found = gf.run(graph, inputs={"mask": mask})
    latents = plain.text2img(tiny("sd"), "a red circle", output_type="latent", **PLAIN)
    assert torch.equal(found["latents"].tensor, latents)
    expected = plain.img2img(tiny("sd"), "a red circle", latents.clone(), output_type="latent", **PLAIN)
    assert torch.equal(found["third"].tensor, expected)
    other = plain.img2img(tiny("sd_sibling"), "a red circle", latents.clone(), output_type="latent", **PLAIN)
    assert torch.equal(found["second"].tensor, other)


def test_what_the_mask_keeps_of_latents_is_unchanged(tiny, mask):
    graph = gf.Graph()
    text = graph.add("text2img", checkpoint=str(tiny("sd")), **CALL)
    hole = graph.input("mask", "mask")
    fill = graph.add("inpaint", checkpoint=str(tiny("sd")), image=text.latents, mask=hole, **CALL)
    graph.output(before=text.latents, after=fill.latents)
    found = gf.run(graph, inputs={"mask": mask})
    kept = torch.from_numpy(np.asarray(mask)[::8, ::8] == 0)
    before, after = found["before"].tensor[0], found["after"].tensor[0]
    assert torch.equal(before[:, kept], after[:, kept])
    assert not torch.equal(before, after)


def test_the_global_random_state_is_neither_read_nor_changed(tiny, picture):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = img2img(tiny("sd"), picture)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert np.array_equal(first, img2img(tiny("sd"), picture))


def test_the_draw_of_an_encoded_picture_is_the_stages_own(tiny, picture):
    """A `vae_encode` before the stage draws from another generator, so it is another picture."""
    graph = gf.Graph()
    image = graph.input("image", "image")
    latents = graph.add("vae_encode", image=image, checkpoint=str(tiny("sd")), seed=5)
    graph.output(image=graph.add("img2img", checkpoint=str(tiny("sd")), image=latents, **CALL).image)
    assert not np.array_equal(gf.run(graph, inputs={"image": picture})["image"].array, img2img(tiny("sd"), picture))


@pytest.fixture(scope="module")
def karras(tiny, tmp_path_factory):
    """A checkpoint whose scheduler has a setting that other classes read, too."""
    folder = tmp_path_factory.mktemp("karras") / "sd"
    shutil.copytree(tiny("sd"), folder)
    config = folder / "scheduler" / "scheduler_config.json"
    kept = json.loads(config.read_text())
    config.write_text(
        json.dumps(
            kept | {"_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True, "clip_sample": True}
        )
    )
    index = folder / "model_index.json"
    changed = json.loads(index.read_text()) | {"scheduler": ["diffusers", "DPMSolverMultistepScheduler"]}
    index.write_text(json.dumps(changed))
    return folder


REWRITTEN = pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning")


@REWRITTEN
@pytest.mark.parametrize(("short", "scheduler"), [
    ("euler", ("EulerDiscreteScheduler", {"use_karras_sigmas": False})),
    ("dpmpp_2m", ("DPMSolverMultistepScheduler", {"use_karras_sigmas": False})),
    ("EulerDiscreteScheduler", "EulerDiscreteScheduler"),
    ("ddim", "DDIMScheduler"),
])  # fmt: skip
def test_a_short_name_means_the_same_whatever_the_checkpoints_config_says(karras, picture, short, scheduler):
    expected = plain.img2img(karras, "a red circle", picture, scheduler=scheduler, **PLAIN)
    assert np.array_equal(img2img(karras, picture, scheduler=short), expected)
    if short == "euler":
        other = plain.img2img(karras, "a red circle", picture, scheduler="EulerDiscreteScheduler", **PLAIN)
        assert not np.array_equal(expected, other)


@REWRITTEN
@pytest.mark.parametrize("stage", ["text2img", "img2img", "inpaint"])
def test_the_config_that_constructors_rewrite_is_that_of_one_stage(karras, tiny, picture, mask, stage):
    """Each class rewrites other settings; a scheduler that stages shared would carry them on."""
    graph = gf.Graph()
    image, hole = graph.input("image", "image"), graph.input("mask", "mask")
    call = {"checkpoint": str(karras), "scheduler": "ddim", **CALL}
    made = {
        "inpaint": graph.add("inpaint", image=image, mask=hole, **call),
        "text2img": graph.add("text2img", **call),
        "img2img": graph.add("img2img", image=image, **call),
    }
    graph.output(image=made[stage].image, **{f"other_{name}": node.image for name, node in made.items()})
    given = {"text2img": (), "img2img": (picture,), "inpaint": (picture, mask)}[stage]
    expected = getattr(plain, stage)(karras, "a red circle", *given, scheduler="DDIMScheduler", **PLAIN)
    assert np.array_equal(gf.run(graph, inputs={"image": picture, "mask": mask})["image"].array, expected)
    # What another class's constructor leaves of the config would be another picture: inpaint alone keeps the clipping.
    carried = ("DDIMScheduler", {"clip_sample": stage != "inpaint"})
    assert not np.array_equal(
        getattr(plain, stage)(karras, "a red circle", *given, scheduler=carried, **PLAIN), expected
    )


def inpainted(folder, image, mask, **params):
    graph = gf.Graph()
    given, hole = graph.input("image", "image"), graph.input("mask", "mask")
    graph.output(image=graph.add("inpaint", checkpoint=str(folder), image=given, mask=hole, **CALL | params).image)
    return gf.run(graph, inputs={"image": image, "mask": mask})["image"].array


@pytest.mark.parametrize("grey", [0, 100, 127, 128, 255])
@pytest.mark.parametrize("name", ["sd", "sd_inpaint"])
def test_a_grey_mask_is_hardened_as_the_class_does_it(tiny, picture, name, grey):
    mask = Image.new("L", (64, 64), grey)
    mask.paste(200, (16, 8, 48, 40))
    expected = plain.inpaint(tiny(name), "a red circle", picture, mask, **PLAIN)
    assert np.array_equal(inpainted(tiny(name), picture, mask), expected)


def test_a_picture_that_is_no_square_keeps_its_size(tiny):
    """The class would resize it to the model's own size where none is given."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8))
    mask = Image.new("L", picture.size)
    mask.paste(255, (16, 8, 48, 40))
    expected = plain.inpaint(tiny("sd"), "a red circle", picture, mask, height=48, width=80, **PLAIN)
    assert expected.shape == (48, 80, 3)
    assert np.array_equal(inpainted(tiny("sd"), picture, mask), expected)


@pytest.mark.parametrize("scheduler", ["pndm", "heun", "euler", "ddim"])
def test_progress_counts_what_really_runs(tiny, picture, scheduler):
    """Some samplers take more steps than were asked for, and img2img fewer."""
    seen = []
    graph = gf.Graph()
    image = graph.input("image", "image")
    call = {**CALL, "num_inference_steps": 5, "strength": 0.6, "scheduler": scheduler}
    graph.output(image=graph.add("img2img", checkpoint=str(tiny("sd")), image=image, **call).image)
    gf.run(graph, inputs={"image": picture}, on_event=lambda event: seen.append(event))
    counts = [(event.done, event.total) for event in seen if isinstance(event, StepProgress)]
    assert counts == [(number, len(counts)) for number in range(1, len(counts) + 1)]
    assert len(counts) >= 3


def test_the_class_of_the_sampler_is_the_one_of_the_index(tiny, tmp_path):
    """Its config may still name the class that it was saved from."""
    folder = tmp_path / "sd"
    shutil.copytree(tiny("sd"), folder)
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", "DDIMScheduler"]}))
    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint=str(folder), **CALL).image)
    expected = plain.text2img(folder, "a red circle", **PLAIN)
    assert np.array_equal(gf.run(graph)["image"].array, expected)
    assert not np.array_equal(expected, plain.text2img(tiny("sd"), "a red circle", **PLAIN))


def test_a_safety_checker_is_never_loaded(tiny, tmp_path):
    """The index names one, as published checkpoints do; its folder is not even looked at."""
    folder = tmp_path / "sd"
    shutil.copytree(tiny("sd"), folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint=str(folder), **CALL).image)
    assert np.array_equal(gf.run(graph)["image"].array, plain.text2img(tiny("sd"), "a red circle", **PLAIN))


def test_latents_are_written_with_their_space_and_their_order_in_memory(tiny, picture, tmp_path):
    """Convolutions of the same values in another memory format give other bits."""
    graph = gf.Graph()
    image = graph.input("image", "image")
    stage = graph.add("img2img", checkpoint=str(tiny("sd")), image=image, **CALL)
    graph.output(latents=stage.latents)
    made = gf.Engine().run(graph, inputs={"image": picture}, record=tmp_path / "run")["latents"]
    with safe_open(tmp_path / "run" / "latents.safetensors", "pt") as opened:
        assert torch.equal(opened.get_tensor("latents"), made.tensor)
        about = opened.metadata()
    assert about["channels_last"] == "latents"
    assert json.loads(about["space"])["scaling_factor"] == 0.18215


def hints(graph, **inputs):
    return [problem.message for problem in graph.check(inputs).problems if problem.code == "node-hint"]


def test_a_picture_edge_where_latents_would_do_is_hinted_at(tiny, picture):
    graph = gf.Graph()
    one = graph.add("text2img", checkpoint=str(tiny("sd")), **CALL)
    two = graph.add("img2img", checkpoint=str(tiny("sd_old")), image=one.image, **CALL)
    graph.output(image=two.image)
    assert hints(graph) == ["img2img: image could stay in latent space"]
    small = graph.add("resize", image=one.image, width=32, height=32)
    three = graph.add("img2img", id="three", checkpoint=str(tiny("sd")), image=small, **CALL)
    four = graph.add("img2img", id="four", checkpoint=str(tiny("sd_other_vae")), image=one.image, **CALL)
    graph.output(three=three.image, four=four.image)
    assert hints(graph) == ["img2img: image could stay in latent space"]


def test_a_soft_mask_is_hinted_at_unless_an_overlay_reads_it(tiny, picture, mask):
    graph = gf.Graph()
    image, hole = graph.input("image", "image"), graph.input("mask", "mask")
    soft = graph.add("mask_blur", mask=hole, blur_factor=4)
    fill = graph.add("inpaint", checkpoint=str(tiny("sd")), image=image, mask=soft, **CALL)
    graph.output(image=fill.image)
    assert hints(graph, image=picture, mask=mask) == ["inpaint: the mask is binarised at one half"]
    pasted = graph.add("overlay", image=image, mask=soft, generated=fill.image)
    graph.output(pasted=pasted)
    assert hints(graph, image=picture, mask=mask) == []


def test_params_without_effect_are_hinted_at(tiny):
    def told(**params):
        graph = gf.Graph()
        graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), **{**CALL, **params}).image)
        return [message.removeprefix("text2img: ") for message in hints(graph)]

    assert told(guidance_scale=1.0, negative_prompt="green") == ["negative_prompt has no effect"]
    assert told(guidance_scale=1.0, guidance_rescale=0.5) == ["guidance_rescale has no effect"]
    assert told(scheduler="euler", eta=0.5) == ["eta has no effect"]
    assert told(scheduler="ddim", eta=0.5, negative_prompt="green", guidance_rescale=0.5) == []
    assert told(guidance_scale=1.0) == []


def test_the_samplers_that_read_eta_are_those_that_diffusers_gives_it():
    classes = {name for name, _ in SAMPLERS.values() if name not in PACKAGES}
    reading = {one for one in classes if "eta" in inspect.signature(getattr(diffusers, one).step).parameters}
    assert reading == set(TAKING_ETA)


def test_what_a_text_encoder_leaves_out_is_told(tiny):
    """The plain call tells it in a log that scripts rarely show."""

    def told(prompt):
        graph = gf.Graph()
        graph.output(image=graph.add("text2img", checkpoint=str(tiny("sd")), **{**CALL, "prompt": prompt}).image)
        return [(one.message, one.why) for one in gf.run(graph).warnings]

    ((message, why),) = told("red " * 80 + "circle")
    assert message == "text2img/encode_prompt: the text is too long for its encoder"
    assert why.endswith("circle")
    assert told("red circle") == []
