"""The embedded checkpoints run library graphs, give what the plain call gives, and show what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import graphflow as gf
from graphflow_embedded.export import export
from graphflow_embedded.make import judge, store, words
from tests import plain


@pytest.fixture(scope="module")
def seen():
    """What the judge, which was trained on drawn pictures alone, sees on a picture of 128 × 128."""
    reader = judge.load(store.components() / "judge" / "model.safetensors")

    def read(picture: Image.Image) -> dict[str, str]:
        found, _ = judge.read(reader, np.array(picture.resize((128, 128)))[None])
        named = {"shape": (*words.SHAPES, "none"), "colour": tuple(words.COLOURS), "background": words.BACKGROUNDS}
        return {label: names[int(found[label][0])] for label, names in named.items()}

    return read


def test_the_library_graph_equals_the_plain_call(tmp_path):
    painted = gf.run("text2img", inputs={"steps": 4})["image"]
    folder = export("sd", tmp_path / "sd")
    # The files are half precision; without a dtype the text encoder alone would stay so.
    call = {"seed": 7, "steps": 4, "guidance": 5.0, "height": 128, "width": 128, "dtype": torch.float32}
    assert np.array_equal(painted.array, plain.text2img(folder, "a yellow circle, night sky", "", **call))


@pytest.mark.parametrize(
    "asked",
    [
        {"shape": "circle", "colour": "yellow", "background": "night sky"},
        {"shape": "heart", "colour": "red", "background": "hills"},
        {"shape": "star", "colour": "purple", "background": "bricks"},
    ],
    ids=lambda asked: asked["shape"],
)
def test_a_picture_shows_what_was_asked_for(seen, asked):
    place = {"bricks": "brick wall"}.get(asked["background"], asked["background"])
    prompt = f"a large {asked['colour']} {asked['shape']} in the centre, {place}"
    assert seen(gf.run("text2img", inputs={"prompt": prompt})["image"].pil()) == asked


def test_a_shape_is_painted_into_a_photograph_whose_other_bytes_stay(seen):
    graph = gf.load("paint_into_photo")
    made = gf.run(graph)["image"]
    photo = gf.Image.of(Image.open(graph.document.folder / "assets" / "rocket.jpg").convert("RGB"))
    assert min(photo.width, photo.height) >= 400
    assert max(photo.width, photo.height) >= 512
    left, top, right, bottom = (
        share * side for share, side in zip((0.575, 0.04, 0.825, 0.415), photo.size * 2, strict=True)
    )
    y, x = np.ogrid[: photo.height, : photo.width]
    inside = ((2 * x + 1 - left - right) / (right - left)) ** 2 + ((2 * y + 1 - top - bottom) / (bottom - top)) ** 2
    outside = inside > 1
    assert np.array_equal(made.array[outside], photo.array[outside])
    around = made.pil().crop((round(left) - 16, round(top) - 16, round(right) + 16, round(bottom) + 16))
    found = seen(around)
    assert (found["shape"], found["colour"]) == ("star", "yellow")


def test_an_object_is_taken_away(seen):
    picture = gf.load("erase")
    before = seen(Image.open(picture.document.folder / "assets" / "road.jpg").convert("RGB"))
    assert before["shape"] == "star"
    assert [seen(one.pil())["shape"] for one in gf.run(picture)["images"]] == ["none", "none"]
