"""VAEs of other classes than AutoencoderKL: each has a space of its own, and paints as in the plain call."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch

import graphflow as gf
from tests import plain

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 3}
PLAIN = {"seed": 5, "steps": 3}
NAMES = ["sd_tiny_vae", "sd_asymmetric_vae"]


def painted(node, folder, picture=None, mask=None, **more):
    graph = gf.Graph()
    given = {"image": graph.input("image", "image")} if picture else {}
    given |= {"mask": graph.input("mask", "mask")} if mask else {}
    graph.output(image=graph.add(node, checkpoint=str(folder), **given, **CALL | more).image)
    inputs = {key: value for key, value in (("image", picture), ("mask", mask)) if value}
    return gf.run(graph, inputs=inputs)["image"].array


@pytest.mark.parametrize("node", ["text2img", "img2img", "inpaint"])
@pytest.mark.parametrize("name", NAMES)
def test_a_stage_equals_the_plain_call(tiny, picture, mask, name, node):
    given = {"text2img": (), "img2img": (picture,), "inpaint": (picture, mask)}[node]
    expected = getattr(plain, node)(tiny(name), "a red circle", *given, **PLAIN)
    assert np.array_equal(painted(node, tiny(name), *given), expected)
    assert not np.array_equal(getattr(plain, node)(tiny("sd"), "a red circle", *given, **PLAIN), expected)


@pytest.mark.parametrize("name", NAMES)
def test_loading_says_nothing_of_settings_that_the_class_wrote_itself(tiny, caplog, name):
    tiny(name)
    caplog.clear()
    painted("text2img", tiny(name))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("diffusers")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_crop_equals_the_plain_call(tiny, picture, mask, name):
    expected = plain.inpaint(tiny(name), "a red circle", picture, mask, padding_mask_crop=4, **PLAIN)
    assert np.array_equal(painted("inpaint", tiny(name), picture, mask, padding_mask_crop=4), expected)


@pytest.mark.parametrize("node", ["text2img", "img2img", "inpaint"])
def test_a_stage_of_sdxl_equals_the_plain_call(tiny, picture, mask, node):
    given = {"text2img": (), "img2img": (picture,), "inpaint": (picture, mask)}[node]
    more = {} if node == "text2img" else {"strength": 0.7}
    expected = getattr(plain, f"xl_{node}")(tiny("sdxl_tiny_vae"), "a red circle", *given, **PLAIN, **more)
    assert np.array_equal(painted(node, tiny("sdxl_tiny_vae"), *given, **more), expected)


@pytest.mark.parametrize("name", NAMES)
def test_encoding_and_decoding_equal_the_class_by_hand(tiny, picture, name):
    graph = gf.Graph()
    latents = graph.add("vae_encode", image=graph.input("image", "image"), checkpoint=str(tiny(name)), seed=3)
    graph.output(latents=latents, image=graph.add("vae_decode", latents=latents, checkpoint=str(tiny(name))))
    found = gf.run(graph, inputs={"image": picture})
    pipe = diffusers.StableDiffusionImg2ImgPipeline.from_pretrained(tiny(name), safety_checker=None)
    scale = pipe.vae.config.scaling_factor
    with torch.no_grad():
        encoded = pipe.vae.encode(pipe.image_processor.preprocess(picture))
        expected = (
            encoded.latents if name == "sd_tiny_vae" else encoded.latent_dist.sample(torch.Generator().manual_seed(3))
        )
        decoded = pipe.vae.decode(expected * scale / scale, return_dict=False)[0]
    assert torch.equal(found["latents"].tensor, expected * scale)
    assert np.array_equal(found["image"].array, np.asarray(pipe.image_processor.postprocess(decoded)[0]))


@pytest.mark.parametrize("name", NAMES)
def test_each_class_has_a_space_of_its_own(tiny, name):
    graph = gf.Graph()
    one = graph.add("text2img", id="one", checkpoint=str(tiny("sd")), **CALL)
    graph.output(image=graph.add("img2img", id="two", image=one.latents, checkpoint=str(tiny(name)), **CALL).image)
    assert [problem.code for problem in graph.check().problems] == ["latent-space"]


@pytest.mark.parametrize("name", NAMES)
def test_latents_stay_in_the_space_of_their_class(tiny, name):
    graph = gf.Graph()
    one = graph.add("text2img", id="one", checkpoint=str(tiny(name)), **CALL)
    graph.output(image=graph.add("img2img", id="two", image=one.latents, checkpoint=str(tiny(name)), **CALL).image)
    latents = plain.text2img(tiny(name), "a red circle", output_type="latent", **PLAIN)
    assert np.array_equal(gf.run(graph)["image"].array, plain.img2img(tiny(name), "a red circle", latents, **PLAIN))


def test_latents_into_a_stage_that_decodes_with_the_picture_are_refused(tiny, mask):
    graph = gf.Graph()
    one = graph.add("text2img", id="one", checkpoint=str(tiny("sd_asymmetric_vae")), **CALL)
    hole = graph.input("mask", "mask")
    graph.add("inpaint", image=one.latents, mask=hole, checkpoint=str(tiny("sd_asymmetric_vae")), **CALL)
    assert "latents-to-picture" in [problem.code for problem in graph.check({"mask": mask}).problems]
