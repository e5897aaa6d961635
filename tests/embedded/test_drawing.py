"""The drawing code: the same seed gives the same picture, captions say what is shown, held-out scenes stay out."""

import json
from pathlib import Path

import numpy as np
import pytest

from graphflow_embedded.make import masks, render, scene, shapes, styles, words
from graphflow_embedded.make.captions import caption
from graphflow_embedded.make.noise import grid


def drawn(seed: int) -> tuple[scene.Scene, render.Picture]:
    content = scene.draw_scene(np.random.default_rng([seed, 0]))
    return content, render.render(content, seed, 64)


def single(seed: int) -> scene.Scene:
    rng = np.random.default_rng(seed)
    return scene.Scene((scene.draw_item(rng),), "plain", "grey")


def test_same_seed_gives_the_same_bytes() -> None:
    assert np.array_equal(drawn(5)[1].pixels, drawn(5)[1].pixels)
    assert not np.array_equal(drawn(5)[1].pixels, drawn(6)[1].pixels)


@pytest.mark.parametrize("background", words.BACKGROUNDS)
def test_every_background_draws_under_every_style(background: str) -> None:
    content = scene.Scene((), background, "grey")
    picture = render.render(content, 3, 64)
    assert picture.shapes.max() == 0
    assert picture.depth.max() <= 0.5 * 255
    for style in words.STYLES:
        assert styles.apply(picture, style, 3).shape == (64, 64, 3)


@pytest.mark.parametrize("shape", words.SHAPES)
def test_every_shape_has_an_inside_of_its_size(shape: str) -> None:
    x, y = (4 * (axis - 0.5) for axis in grid(64))
    inside = shapes.distance(shape, x, y, 0.0) < 0
    assert 0.06 < inside.mean() < 0.25
    assert not inside[0].any()
    assert not inside[:, 0].any()


def test_shapes_are_nearer_than_any_background() -> None:
    content = single(1)
    picture = render.render(content, 1, 64)
    assert picture.depth[picture.shapes > 250].min() > picture.depth[picture.shapes == 0].max()


def test_full_caption_names_shape_colour_and_position() -> None:
    for seed in range(40):
        content = single(seed)
        item = content.items[0]
        text = caption(content, np.random.default_rng(seed), full=True)
        assert item.shape in text
        assert item.colour in text
        assert any(phrase in text for phrase in words.POSITION_PHRASES[item.position])


def test_training_never_draws_a_held_out_combination() -> None:
    seen = {scene.combination(scene.draw_scene(np.random.default_rng([seed, 0]))) for seed in range(3000)}
    assert not seen & scene.held_out()


def test_held_out_list_names_every_shape_colour_and_background() -> None:
    path = Path(scene.__file__).parent / "heldout.json"
    combinations = json.loads(path.read_text(encoding="utf-8"))["combinations"]
    assert {entry[0] for entry in combinations} == set(words.SHAPES)
    assert {entry[1] for entry in combinations} == set(words.COLOURS)
    assert {entry[2] for entry in combinations} == set(words.BACKGROUNDS)


def test_hole_captions_name_only_what_the_hole_hides() -> None:
    for seed in range(60):
        content = single(seed)
        item = content.items[0]
        mask, captions = masks.hole(content, seed, 64, 3)
        hidden = mask[int(item.y * 64), int(item.x * 64)] > 0
        assert all((item.shape in caption) == hidden for caption in captions)
