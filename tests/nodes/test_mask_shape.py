import numpy as np
import pytest

from graphflow.catalog.signature import node_type
from graphflow.errors import InvalidValue
from graphflow.values.facts import Facts
from graphflow_nodes.mask.mask_shape import mask_shape

BOX = (0.25, 0.5, 0.75, 1.0)


def test_rectangle_covers_its_fractions_of_the_picture():
    values = mask_shape(width=8, height=4, shape="rectangle", box=BOX).array
    expected = np.zeros((4, 8), np.uint8)
    expected[2:4, 2:6] = 255
    assert np.array_equal(values, expected)


def test_rectangle_and_the_polygon_of_its_corners_are_one():
    corners = (0.25, 0.5, 0.75, 0.5, 0.75, 1.0, 0.25, 1.0)
    for size in ({"width": 64, "height": 32}, {"width": 37, "height": 53}):
        assert mask_shape(**size, shape="polygon", points=corners) == mask_shape(**size, shape="rectangle", box=BOX)


def test_ellipse_is_white_where_the_centre_of_a_pixel_is_inside():
    width, height, (left, top, right, bottom) = 41, 29, (0.1, 0.2, 0.8, 0.9)
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
    inside = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 <= 1
    values = mask_shape(width=width, height=height, shape="ellipse", box=(left, top, right, bottom)).array
    assert np.array_equal(values == 255, inside)


def test_triangle_has_half_the_area_of_its_box():
    values = mask_shape(width=200, height=100, shape="polygon", points=(0, 0, 1, 0, 0, 1)).array
    assert values[0, 0] == 255
    assert values[99, 199] == 0
    assert abs((values == 255).mean() - 0.5) < 0.01


def test_shape_is_symmetrical():
    values = mask_shape(width=33, height=20, shape="ellipse", box=(0.1, 0.2, 0.9, 0.8)).array
    assert np.array_equal(values, values[::-1])
    assert np.array_equal(values, values[:, ::-1])


def test_only_black_and_white_are_drawn():
    values = mask_shape(width=33, height=20, shape="ellipse", box=(0.1, 0.2, 0.9, 0.8)).array
    assert set(values.ravel()) == {0, 255}


def test_like_takes_the_size_of_a_picture(picture, mask, planned):
    for reference in (picture(12, 9), mask(12, 9)):
        assert mask_shape(reference, shape="rectangle", box=BOX).size == (12, 9)
    assert planned(mask_shape, like=Facts(), shape="rectangle", box=BOX).outputs["mask"].size is None


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"shape": "rectangle"}, "the shape rectangle needs box"),
        ({"shape": "polygon"}, "the shape polygon needs points"),
        ({"shape": "ellipse", "points": (0, 0, 1, 0, 1, 1)}, "node points: the shape ellipse has no points"),
        ({"shape": "polygon", "box": BOX}, "node box: the shape polygon has no box"),
        ({"shape": "polygon", "points": (0, 0, 1, 1)}, "at least three corners | 4 numbers"),
        ({"shape": "polygon", "points": (0, 0, 1, 1, 0, 1, 1)}, "7 numbers"),
        ({"shape": "rectangle", "box": (0.5, 0, 0.5, 1)}, "node box: the box is empty"),
    ],
)
def test_plan_refuses_an_outline_that_is_none(refused, params, text):
    assert text in refused(mask_shape, width=8, height=8, **params)


def test_plan_refuses_no_size_two_sizes_and_giants(picture, refused):
    outline = {"shape": "rectangle", "box": BOX}
    assert "size is not given" in refused(mask_shape, width=8, **outline)
    assert "given twice" in refused(mask_shape, like=picture(4, 4), height=4, **outline)
    assert "picture-too-large" in refused(mask_shape, width=20_000, height=20_000, **outline)


@pytest.mark.parametrize("box", [(10, 10, 90, 90), (0, 0, 1)])
def test_box_in_pixels_or_of_three_numbers_is_refused(box):
    with pytest.raises(InvalidValue):
        node_type(mask_shape).params["box"].accept(box)
