"""Latents are resized in their space, by pixels or by a factor, and noisy ones are refused."""

from __future__ import annotations

import pytest
import torch

import graphflow as gf

METHODS = ["nearest", "bilinear", "bicubic"]


def resized(tiny, **params):
    graph = gf.Graph()
    first = graph.add(
        "text2img", checkpoint=str(tiny("sd")), prompt="a", width=64, height=48, num_inference_steps=2, seed=1
    )
    made = graph.add("latent_resize", latents=first.latents, **params)
    graph.output(before=first.latents, after=made)
    return graph


SIZES = [
    ({"scale": 2.0}, (128, 96)),
    ({"scale": 0.5}, (32, 24)),
    ({"scale": 1.3}, (80, 64)),
    ({"scale": 0.001}, (8, 8)),
    ({"width": 128}, (128, 96)),
    ({"height": 24}, (32, 24)),
    ({"width": 40, "height": 80}, (40, 80)),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("params", "size"), SIZES, ids=str)
def test_the_size_is_known_before_and_is_that_of_the_result(tiny, params, size, method):
    graph = resized(tiny, method=method, **params)
    mask = graph.add("mask_shape", shape="ellipse", box=[0, 0, 1, 1], width=16, height=16)
    stage = graph.add("vae_decode", latents=graph["latent_resize"].latents, checkpoint=str(tiny("sd")))
    graph.output(picture=graph.add("overlay", image=stage, mask=mask, generated=stage))
    assert any(f"{size[0]}×{size[1]}" in str(problem) for problem in graph.check().problems) is (size != (16, 16))
    found = gf.run(resized(tiny, method=method, **params))
    assert (found["after"].width, found["after"].height) == size
    assert found["after"].space == found["before"].space


def test_nearest_repeats_cells_and_the_input_is_unchanged(tiny):
    found = gf.run(resized(tiny, scale=2.0, method="nearest"))
    before = found["before"].tensor
    assert torch.equal(found["after"].tensor, before.repeat_interleave(2, -1).repeat_interleave(2, -2))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_gives_the_same_latents(tiny, method):
    found = gf.run(resized(tiny, scale=1.0, method=method))
    assert torch.allclose(found["after"].tensor, found["before"].tensor, atol=1e-5)


def test_a_resized_picture_can_be_repainted_in_latents(tiny):
    graph = resized(tiny, scale=1.5)
    stage = graph.add(
        "img2img", checkpoint=str(tiny("sd")), image=graph["latent_resize"].latents, prompt="a", num_inference_steps=3
    )
    graph.output(image=stage.image)
    assert graph.check().problems == ()
    assert gf.run(graph)["image"].size == (96, 72)


REFUSED = [
    ({}, "no size is given"),
    ({"scale": 2.0, "width": 64}, "the size is given twice, by scale and by width"),
    ({"width": 60}, "write 56 or 64"),
    ({"width": 16000, "height": 16000}, "more than 100,000,000"),
]


@pytest.mark.parametrize(("params", "text"), REFUSED, ids=str)
def test_a_wrong_size_is_refused(tiny, params, text):
    with pytest.raises(gf.InvalidGraph) as refused:
        resized(tiny, **params).plan()
    assert text in str(refused.value)


def test_noisy_latents_are_refused(tiny):
    graph = gf.Graph()
    base = graph.add(
        "text2img", checkpoint=str(tiny("sdxl")), prompt="a", denoising_end=0.5, num_inference_steps=4,
        scheduler="euler",
    )  # fmt: skip
    graph.output(latents=graph.add("latent_resize", latents=base.latents, scale=2.0))
    ((code, text),) = [(one.code, str(one)) for one in graph.check().problems]
    assert code == "latent-noise"
    assert "noise cannot be resized" in text
