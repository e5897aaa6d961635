import numpy as np
import pytest

from graphflow.values.raster import Image
from graphflow_nodes.mask.mask_from_color import mask_from_color

SHADES = Image.of(np.array([[[255, 136, 0], [250, 140, 3], [255, 120, 0], [255, 136, 17], [0, 0, 0]]], np.uint8))


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [(0, b"\xff\0\0\0\0"), (5, b"\xff\xff\0\0\0"), (16, b"\xff\xff\xff\0\0"), (255, b"\xff" * 5)],
)
def test_every_channel_must_be_within_the_tolerance(tolerance, expected):
    assert mask_from_color(SHADES, color="#ff8800", tolerance=tolerance).pixels == expected


@pytest.mark.parametrize("color", ["black", "#000", "rgb(0, 0, 0)", "hsl(0, 0%, 0%)"])
def test_colours_are_written_as_pillow_knows_them(color):
    assert mask_from_color(SHADES, color=color, tolerance=0).pixels == b"\0\0\0\0\xff"


def test_plan_refuses_what_is_no_colour(refused):
    assert "node color: 'grassy' is not a colour" in refused(mask_from_color, image=SHADES, color="grassy")
