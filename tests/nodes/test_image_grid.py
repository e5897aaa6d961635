import numpy as np
import pytest

from graphflow.errors import InvalidValue
from graphflow.values.facts import Facts
from graphflow.values.raster import Image
from graphflow_nodes.image.image_grid import image_grid
from graphflow_nodes.steps.captions import drawable, wrapped


def test_plain_grid_equals_that_of_diffusers(picture):
    from diffusers.utils import make_image_grid

    images = [picture(8, 6, seed) for seed in range(6)]
    expected = make_image_grid([image.pil() for image in images], rows=2, cols=3)
    assert image_grid(images, rows=2, gap=0) == Image.of(expected)


@pytest.mark.parametrize(
    ("count", "params", "shape"),
    [
        (1, {}, (1, 1)),
        (4, {}, (1, 4)),
        (5, {}, (2, 3)),
        (9, {}, (3, 3)),
        (10, {}, (3, 4)),
        (5, {"rows": 2}, (2, 3)),
        (5, {"columns": 2}, (3, 2)),
        (3, {"rows": 2, "columns": 2}, (2, 2)),
    ],
)
def test_rows_and_columns_follow_from_what_is_given(picture, count, params, shape):
    rows, columns = shape
    assert image_grid([picture(10, 6)] * count, gap=2, **params).size == (2 + 12 * columns, 2 + 8 * rows)


def test_smaller_picture_stands_in_the_middle_of_its_cell(picture):
    grid = image_grid([picture(10, 6), picture(4, 2)], gap=0, background="white").array
    assert np.array_equal(grid[2:4, 13:17], picture(4, 2).array)
    assert (grid[:2, 10:] == 255).all()


@pytest.mark.parametrize(("background", "ink"), [("white", 0), ("black", 255)])
def test_caption_is_drawn_below_its_picture_in_a_colour_that_shows(background, ink):
    plain = Image.of(np.full((20, 60, 3), 255 - ink, np.uint8))
    grid = image_grid([plain, plain], ["steps", ""], gap=0, background=background).array
    assert (grid[20:, :60] == ink).any()
    assert (grid[:20] == 255 - ink).all()
    assert (grid[20:, 60:] == 255 - ink).all()


def test_long_caption_takes_no_more_room_than_a_short_one(picture):
    short = image_grid([picture(60, 20)], ["a"])
    assert image_grid([picture(60, 20)], ["a word " * 50]).size == short.size
    assert image_grid([picture(60, 20)], ["a"], caption_lines=3).height > short.height


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("one two three", 2, ["one two", "three"]),
        ("one two three four", 2, ["one two", "three f…"]),
        ("one two three, four", 2, ["one two", "three,…"]),
        ("abcdefghijklm", 2, ["abcdefgh", "ijklm"]),
        ("abcdefghijklmnopqrs", 2, ["abcdefgh", "ijklmno…"]),
        ("eightchr eightchr", 2, ["eightchr", "eightchr"]),
        ("", 2, []),
    ],
)
def test_text_is_wrapped_between_words_and_shortened(text, lines, expected):
    assert wrapped(text, 8, lines, len) == expected


def test_text_in_a_width_of_nothing_ends():
    assert wrapped("abc def", 0, 3, len) == ["a", "b", "…"]


def test_letters_that_the_font_lacks_are_written_without_their_accents():
    assert drawable(" café\n4 × 4 —  ≥ 1") == "cafe 4 x 4 - >= 1"


def test_counts_are_refused_by_plan_and_by_the_run(picture, refused):
    three = [picture(4, 4)] * 3
    assert "node captions: 3 pictures cannot have 2 captions" in refused(image_grid, images=three, captions=["a", "b"])
    assert "node images: there are no pictures" in refused(image_grid, images=[])
    assert "there is no room for 3 pictures | 1 × 2 cells" in refused(image_grid, images=three, rows=1, columns=2)
    with pytest.raises(InvalidValue, match="3 pictures cannot have 2 captions"):
        image_grid(three, ["a", "b"])
    with pytest.raises(InvalidValue, match="no pictures"):
        image_grid([])


def test_plan_refuses_what_is_no_colour_and_giants(picture, refused):
    assert "node background: 'blurple' is not a colour" in refused(
        image_grid, images=[picture(4, 4)], background="blurple"
    )
    assert "picture-too-large" in refused(image_grid, images=[picture(4, 4)], gap=20_000)


def test_plan_leaves_open_what_it_cannot_know(planned):
    assert planned(image_grid, images=Facts()).outputs == {}
    assert planned(image_grid, images=Facts(items=(Facts(4, 4), Facts()))).outputs == {}
