"""vae_encode and vae_decode give what the VAE gives by hand, and what stages give and take."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline

import graphflow as gf
from tests import plain


def test_encode_equals_the_draw_by_hand(tiny, picture):
    folder = tiny("sd")
    graph = gf.Graph()
    image = graph.input("image", "image")
    graph.output(latents=graph.add("vae_encode", image=image, checkpoint=str(folder), seed=3))
    made = gf.run(graph, inputs={"image": picture})["latents"]
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(folder, safety_checker=None)
    pixels = pipe.image_processor.preprocess(picture)
    with torch.no_grad():
        drawn = pipe.vae.encode(pixels).latent_dist.sample(torch.Generator("cpu").manual_seed(3))
    expected = pipe.vae.config.scaling_factor * drawn
    assert torch.equal(made.tensor, expected)
    assert made.tensor.stride() == expected.stride()
    assert (made.width, made.height) == picture.size


def test_encoded_latents_go_into_a_stage_as_they_would_by_hand(tiny, picture):
    folder = tiny("sd")
    graph = gf.Graph()
    latents = graph.add("vae_encode", image=graph.input("image", "image"), checkpoint=str(folder), seed=3)
    stage = graph.add("img2img", image=latents, checkpoint=str(folder), prompt="x", num_inference_steps=3, seed=4)
    graph.output(image=stage.image, latents=latents)
    result = gf.run(graph, inputs={"image": picture})
    expected = plain.img2img(folder, "x", result["latents"].tensor, seed=4, steps=3)
    assert np.array_equal(result["image"].array, expected)


def test_decode_is_the_stages_own_decode_and_merges_with_it(tiny):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x", num_inference_steps=2)
    picture = graph.add("vae_decode", id="again", latents=stage.latents, checkpoint=str(tiny("sd")))
    graph.output(first=stage.image, second=picture)
    plan = graph.plan()
    assert [step.also for step in plan.steps if step.path.endswith("/decode")] == [("again/decode",)]
    result = gf.run(graph)
    assert result["first"] == result["second"]


def test_decode_refuses_another_space(tiny):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sd")), prompt="x")
    graph.add("vae_decode", latents=stage.latents, checkpoint=str(tiny("sd_scaled")))
    assert [problem.code for problem in graph.check().problems] == ["latent-space"]


@pytest.mark.parametrize("side", [60, 63])
def test_encode_refuses_odd_sizes(tiny, picture, side):
    graph = gf.Graph()
    small = graph.add("resize", image=graph.input("image", "image"), width=side, height=64)
    graph.add("vae_encode", image=small, checkpoint=str(tiny("sd")))
    assert "56 or 64" in str(graph.check({"image": picture}).problems[0])
