"""Chains of stages load each distinct component once and decode what is read; counted at diffusers and transformers.

Nothing here asks graphflow what it did: the libraries' own loading functions and the VAE's decoder are wrapped.
"""

from __future__ import annotations

from collections import Counter

import pytest
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

import graphflow as gf
from tests.graphs.library import GRAPHS, checkpoints

ONE_OF_EACH = {"CLIPTokenizer": 1, "CLIPTextModel": 1, "UNet2DConditionModel": 1, "AutoencoderKL": 1}
SMALL = {"width": 64, "height": 64}


@pytest.fixture
def counts(monkeypatch):
    """How often each class was loaded, under its name, and how often a VAE decoded."""
    counts: Counter[str] = Counter()

    def count(owner, method, key, wrap):
        original = getattr(owner, method)

        def counting(*arguments, **keywords):
            counts[key] += 1
            return original(*arguments, **keywords)

        monkeypatch.setattr(owner, method, wrap(counting))

    for class_ in (AutoencoderKL, UNet2DConditionModel, CLIPTextModel, CLIPTokenizer):
        count(class_, "from_pretrained", class_.__name__, staticmethod)
    count(AutoencoderKL, "decode", "decode", lambda function: function)
    return counts


def chain(tiny, picture_file, *, through="latents", text=False):
    """A picture → inpaint → img2img → img2img → overlay on the picture; `text` paints the picture first."""
    graph = gf.Graph()
    common = {"prompt": "x", "num_inference_steps": 2}
    if text:
        picture = graph.add("text2img", checkpoint=str(tiny("sd")), **common).image
    else:
        picture = graph.add("load_image", path=str(picture_file)).image
    mask = graph.add("mask_shape", shape="ellipse", box=[0.2, 0.2, 0.8, 0.8], **SMALL)
    stage = graph.add("inpaint", checkpoint=str(tiny("sd_inpaint")), image=picture, mask=mask, **common)
    for name in ("sd", "sd_sibling"):
        given = getattr(stage, through)
        stage = graph.add("img2img", checkpoint=str(tiny(name)), image=given, strength=1.0, **common)
    graph.output(image=graph.add("overlay", image=picture, mask=mask, generated=stage.image))
    return graph


@pytest.mark.parametrize(
    ("how", "decodes"),
    [
        ({"through": "latents"}, 1),
        ({"through": "latents", "text": True}, 2),
        ({"through": "image"}, 3),
        ({"through": "image", "text": True}, 4),
    ],
    ids=["latents", "latents, picture from a text", "pixels", "pixels, picture from a text"],
)
def test_a_chain_loads_each_component_once_and_decodes_what_is_read(tiny, photo, tmp_path, counts, how, decodes):
    photo.resize((64, 64)).save(tmp_path / "photo.png")
    graph = chain(tiny, tmp_path / "photo.png", **how)
    assert all(problem.level is gf.Level.HINT for problem in graph.check().problems)
    gf.run(graph)
    assert counts == ONE_OF_EACH | {"UNet2DConditionModel": 3, "decode": decodes}


def run(name, tiny, **more):
    """A graph of the library on tiny checkpoints."""
    graph = gf.load(GRAPHS[name])
    small = {key: value for key, value in {**SMALL, "steps": 5}.items() if key in graph.document.inputs}
    return gf.run(graph, inputs=small | checkpoints(name, tiny), **more)


def test_three_styles_decodes_once_and_loads_one_vae(tiny, counts):
    run("three_styles", tiny)
    # Two UNets: the third checkpoint is the first one in another layout of files.
    assert counts == ONE_OF_EACH | {"UNet2DConditionModel": 2, "decode": 1}


@pytest.mark.parametrize(
    ("name", "first"), [("text_to_inpaint", "first"), ("text_to_img2img", "first"), ("inpaint_img2img", "filled")]
)
def test_a_picture_on_the_way_costs_a_decode_only_where_it_is_read(tiny, counts, name, first):
    both = run(name, tiny)
    assert counts == ONE_OF_EACH | {"UNet2DConditionModel": 2, "decode": 2}
    counts.clear()
    assert run(name, tiny, only=["image"])["image"] == both["image"]
    assert counts["decode"] == 1
    assert first in both
