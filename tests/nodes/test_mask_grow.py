import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphflow.values.raster import Mask
from graphflow_nodes.mask.mask_grow import mask_grow
from graphflow_nodes.mask.mask_invert import mask_invert
from graphflow_nodes.mask.mask_shape import mask_shape


@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(-15, 15), st.sampled_from(["disc", "square"]), st.integers(0)
)
def test_each_pixel_takes_the_extreme_within_the_distance(width, height, pixels, shape, seed):
    values = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    expected = np.empty_like(values)
    for row in range(height):
        for column in range(width):
            dx, dy = abs(x - column), abs(y - row)
            near = np.maximum(dx, dy) <= abs(pixels) if shape == "square" else dx**2 + dy**2 <= pixels**2
            expected[row, column] = values[near].max() if pixels >= 0 else values[near].min()
    assert np.array_equal(mask_grow(Mask.of(values), pixels=pixels, shape=shape).array, expected)


def test_a_point_grows_into_a_disc_or_a_square():
    point = np.zeros((21, 21), np.uint8)
    point[10, 10] = 255
    disc = mask_grow(Mask.of(point), pixels=7).array
    square = mask_grow(Mask.of(point), pixels=7, shape="square").array
    assert (square == 255).sum() == 15 * 15
    assert disc[10, 17] == 255
    assert disc[15, 15] == 0
    assert disc[5, 10] == 255


@pytest.mark.parametrize("shape", ["disc", "square"])
def test_shrinking_is_growing_the_black_part(mask, shape):
    expected = mask_invert(mask_grow(mask_invert(mask(30, 20)), pixels=3, shape=shape))
    assert mask_grow(mask(30, 20), pixels=-3, shape=shape) == expected


def test_white_at_the_border_of_the_picture_is_not_eaten_from_outside():
    white = Mask(b"\xff" * 64, 8, 8)
    assert mask_grow(white, pixels=-3) == white


def test_zero_keeps_the_mask_and_a_huge_distance_ends(mask):
    assert mask_grow(mask(30, 20), pixels=0) == mask(30, 20)
    assert set(mask_grow(mask(30, 20), pixels=10**12).pixels) == {mask(30, 20).array.max()}


def test_large_picture_and_distance_take_seconds_not_minutes():
    source = mask_shape(width=2048, height=2048, shape="ellipse", box=(0.3, 0.3, 0.5, 0.5))
    start = time.perf_counter()
    mask_grow(source, pixels=128)
    assert time.perf_counter() - start < 20
