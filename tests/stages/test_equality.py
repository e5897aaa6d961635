"""Every stage gives the bytes that the plain diffusers script gives, and other bytes for another seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import graphflow as gf
from tests import plain

SAMPLERS = [
    (None, None),
    ("ddim", "DDIMScheduler"),
    ("euler", ("EulerDiscreteScheduler", {"use_karras_sigmas": False})),
    ("dpmpp_2m_karras", ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True})),
]
CHECKPOINTS = ["sd", "sd_v", "sd_old"]


def text2img(folder, **params):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(folder), prompt="a red circle", num_inference_steps=3, **params)
    graph.output(image=stage.image, latents=stage.latents)
    return gf.run(graph)


def img2img(folder, image, **params):
    graph = gf.Graph()
    given = graph.input("image", "image")
    stage = graph.add("img2img", checkpoint=str(folder), image=given, prompt="a red circle", **params)
    graph.output(image=stage.image, latents=stage.latents)
    return gf.run(graph, inputs={"image": image})


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_text2img_equals_the_plain_call(tiny, name, short, scheduler):
    folder = tiny(name)
    given = {"scheduler": short} if short else {}
    result = text2img(folder, seed=5, **given)
    call = {"seed": 5, "steps": 3, "scheduler": scheduler}
    assert np.array_equal(result["image"].array, plain.text2img(folder, "a red circle", **call))
    assert torch.equal(result["latents"].tensor, plain.text2img(folder, "a red circle", output_type="latent", **call))
    assert not np.array_equal(result["image"].array, plain.text2img(folder, "a red circle", **call | {"seed": 6}))


@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_img2img_of_a_picture_equals_the_plain_call(tiny, picture, name, short, scheduler):
    folder = tiny(name)
    given = {"scheduler": short} if short else {}
    result = img2img(folder, picture, seed=5, strength=0.7, num_inference_steps=4, **given)
    call = {"seed": 5, "steps": 4, "strength": 0.7, "scheduler": scheduler}
    assert np.array_equal(result["image"].array, plain.img2img(folder, "a red circle", picture, **call))
    latents = plain.img2img(folder, "a red circle", picture, output_type="latent", **call)
    assert torch.equal(result["latents"].tensor, latents)
    other = plain.img2img(folder, "a red circle", picture, **call | {"seed": 6})
    assert not np.array_equal(result["image"].array, other)


PARAMS = [
    ({"guidance_scale": 1.0}, {"guidance": 1.0}),
    ({"guidance_scale": 0.0}, {"guidance": 0.0}),
    ({"negative_prompt": "blue"}, {"negative_prompt": "blue"}),
    ({"negative_prompt": "blue", "guidance_scale": 1.0}, {"negative_prompt": "blue", "guidance": 1.0}),
    ({"clip_skip": 1}, {"clip_skip": 1}),
    ({"clip_skip": 1, "negative_prompt": "blue"}, {"clip_skip": 1, "negative_prompt": "blue"}),
    ({"width": 48, "height": 80}, {"width": 48, "height": 80}),
]


@pytest.mark.parametrize(("params", "call"), PARAMS)
def test_params_mean_what_the_plain_call_means(tiny, params, call):
    folder = tiny("sd")
    expected = plain.text2img(folder, "a red circle", seed=5, steps=3, **call)
    assert np.array_equal(text2img(folder, seed=5, **params)["image"].array, expected)


def test_a_chain_in_latents_equals_the_plain_chain(tiny, picture):
    """Three img2img stages, the first one of a picture, whose latents keep their memory format on the way."""
    folder = tiny("sd")
    graph = gf.Graph()
    stage = graph.input("image", "image")
    for seed in (1, 2, 3):
        made = graph.add("img2img", checkpoint=str(folder), image=stage, prompt="x", seed=seed, num_inference_steps=3)
        stage = made.latents
    graph.output(image=made.image)
    expected = picture
    for seed in (1, 2):
        expected = plain.img2img(folder, "x", expected, seed=seed, steps=3, output_type="latent")
    expected = plain.img2img(folder, "x", expected, seed=3, steps=3)
    assert np.array_equal(gf.run(graph, inputs={"image": picture})["image"].array, expected)


def test_after_cancelling_in_the_middle_the_next_run_is_equal(tiny):
    folder = tiny("sd")
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(folder), prompt="a red circle", num_inference_steps=3, seed=5)
    graph.output(image=stage.image)
    with gf.Engine() as engine:

        def stop(event):
            if type(event).__name__ == "StepProgress" and event.done == 2:
                engine.cancel()

        with pytest.raises(gf.Cancelled):
            engine.run(graph, on_event=stop)
        again = engine.run(graph)
    assert np.array_equal(again["image"].array, plain.text2img(folder, "a red circle", seed=5, steps=3))


def inpaint(folder, image, mask, *, latents=False, **params):
    graph = gf.Graph()
    given, painted = graph.input("image", "latents" if latents else "image"), graph.input("mask", "mask")
    call = {"checkpoint": str(folder), "prompt": "a red circle", "num_inference_steps": 4, **params}
    stage = graph.add("inpaint", image=given, mask=painted, **call)
    outputs = {"image": stage.image} | ({} if "padding_mask_crop" in params else {"latents": stage.latents})
    graph.output(**outputs)
    return gf.run(graph, inputs={"image": image, "mask": mask})


@pytest.mark.parametrize("strength", [0.7, 1.0])
@pytest.mark.parametrize(("short", "scheduler"), SAMPLERS)
@pytest.mark.parametrize("name", ["sd", "sd_inpaint"])
def test_inpaint_of_a_picture_equals_the_plain_call(tiny, picture, mask, name, short, scheduler, strength):
    folder = tiny(name)
    given = {"scheduler": short} if short else {}
    result = inpaint(folder, picture, mask, seed=5, strength=strength, **given)
    call = {"seed": 5, "steps": 4, "strength": strength, "scheduler": scheduler}
    assert np.array_equal(result["image"].array, plain.inpaint(folder, "a red circle", picture, mask, **call))
    latents = plain.inpaint(folder, "a red circle", picture, mask, output_type="latent", **call)
    assert torch.equal(result["latents"].tensor, latents)
    other = plain.inpaint(folder, "a red circle", picture, mask, **call | {"seed": 6})
    assert not np.array_equal(result["image"].array, other)


@pytest.mark.parametrize("size", [{}, {"width": 48, "height": 56}])
@pytest.mark.parametrize("name", ["sd", "sd_inpaint"])
def test_padding_mask_crop_equals_the_plain_call_and_keeps_what_the_mask_keeps(tiny, name, size):
    rng = np.random.default_rng(3)
    photo = Image.fromarray(rng.integers(0, 256, (100, 130, 3), np.uint8))
    mask = Image.new("L", photo.size)
    mask.paste(255, (40, 30, 80, 70))
    folder = tiny(name)
    result = inpaint(folder, photo, mask, seed=5, strength=0.75, padding_mask_crop=16, **size)["image"].array
    call = {"seed": 5, "steps": 4, "strength": 0.75, "padding_mask_crop": 16, **size}
    assert np.array_equal(result, plain.inpaint(folder, "a red circle", photo, mask, **call))
    kept = np.asarray(mask) == 0
    assert np.array_equal(result[kept], np.asarray(photo)[kept])
    assert not np.array_equal(result, np.asarray(photo))


def test_text_to_inpaint_to_img2img_in_latents_equals_the_plain_chain(tiny, mask):
    folder = tiny("sd")
    graph = gf.Graph()
    painted = graph.input("mask", "mask")
    common = {"checkpoint": str(folder), "seed": 2, "num_inference_steps": 3}
    text = graph.add("text2img", prompt="a cat", **common)
    fill = graph.add("inpaint", image=text.latents, mask=painted, prompt="a dog", strength=0.8, **common)
    polish = graph.add("img2img", image=fill.latents, prompt="a house", strength=0.8, **common)
    graph.output(image=polish.image)
    expected = plain.chain(folder, ("a cat", "a dog", "a house"), mask, seed=2, steps=3, strength=0.8)
    assert np.array_equal(gf.run(graph, inputs={"mask": mask})["image"].array, expected)
