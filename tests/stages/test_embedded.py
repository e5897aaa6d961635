"""The embedded checkpoints run library graphs, give what the plain call gives, and show what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import graphflow as gf
from graphflow_embedded.export import export
from graphflow_embedded.make import judge
from tests import plain

CALL = {"num_inference_steps": 20, "guidance_scale": 5.0, "seed": 3}


def seen(picture: Image.Image) -> dict[str, str]:
    """What the judge, which was trained on drawn pictures alone, sees on a picture of 128 × 128."""
    read = judge.in_words(np.array(picture.resize((128, 128))))
    return {label: read[label] for label in ("shape", "colour", "background", "style")}


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
def test_a_picture_shows_what_was_asked_for(asked):
    place = {"bricks": "brick wall"}.get(asked["background"], asked["background"])
    prompt = f"a large {asked['colour']} {asked['shape']} in the centre, {place}"
    found = seen(gf.run("text2img", inputs={"prompt": prompt})["image"].pil())
    assert found == {**asked, "style": "plain"}


def test_a_shape_is_painted_into_a_photograph_whose_other_bytes_stay():
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


def test_an_object_is_taken_away():
    picture = gf.load("erase")
    before = seen(Image.open(picture.document.folder / "assets" / "road.jpg").convert("RGB"))
    assert before["shape"] != "none"
    assert [seen(one.pil())["shape"] for one in gf.run(picture)["images"]] == ["none", "none"]


def test_a_chain_of_three_checkpoints_ends_in_the_style_of_the_last():
    found = seen(gf.run("three_styles")["image"].pil())
    assert (found["shape"], found["style"]) == ("heart", "sketch")


@pytest.mark.parametrize("style", ["pixel", "sketch"])
def test_a_style_is_laid_over_a_picture(style):
    prompt = {
        "pixel": "pixel art of a yellow circle, sea",
        "sketch": "pencil sketch of a yellow circle, sea",
    }
    graph = gf.Graph()
    start = graph.add("text2img", checkpoint="embedded/sd", prompt="a large yellow circle, sea", **CALL)
    styled = graph.add(
        "img2img", checkpoint=f"embedded/sd-{style}", image=start.latents, prompt=prompt[style], strength=0.6, **CALL
    )
    graph.output(image=styled.image)
    found = seen(gf.run(graph)["image"].pil())
    assert (found["shape"], found["style"]) == ("circle", style)


def test_a_picture_is_painted_anew_along_its_edges():
    graph = gf.Graph()
    heart = graph.add(
        "text2img", id="heart", checkpoint="embedded/sd", prompt="a large red heart, plain background", **CALL
    )
    edges = graph.add(
        "controlnet_condition", checkpoint="embedded/controlnet-canny", image=heart.image, preprocess="canny"
    )
    call = {"checkpoint": "embedded/sd", "prompt": "a large blue heart, grass", **CALL, "seed": 5}
    along, free = graph.add("text2img", id="along", control=[edges], **call), graph.add("text2img", id="free", **call)
    graph.output(heart=heart.image, along=along.image, free=free.image)
    made = gf.run(graph)
    _, outlines = judge.look(np.stack([made[name].array for name in ("heart", "along", "free")]))
    overlaps = [(outlines[0] & one).sum() / (outlines[0] | one).sum() for one in outlines[1:]]
    assert overlaps[0] >= 0.7
    assert overlaps[0] > overlaps[1]
    assert seen(made["along"].pil())["colour"] == "blue"
