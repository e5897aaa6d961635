import numpy as np
import pytest

from graphflow.values.facts import Facts
from graphflow.values.raster import Mask
from graphflow_nodes.image.crop import crop


def test_rectangle_is_cut_out(picture):
    cut = crop(picture(10, 8), left=2, top=1, width=5, height=4)
    assert np.array_equal(cut.array, picture(10, 8).array[1:5, 2:7])


def test_mask_stays_a_mask(mask):
    assert type(crop(mask(8, 8), width=4)) is Mask


@pytest.mark.parametrize(
    ("anchor", "rows", "columns"),
    [
        ("center", slice(2, 6), slice(3, 7)),
        ("left", slice(2, 6), slice(0, 4)),
        ("top", slice(0, 4), slice(3, 7)),
        ("bottom_right", slice(4, 8), slice(6, 10)),
    ],
)
def test_anchor_places_what_left_and_top_do_not(mask, anchor, rows, columns):
    cut = crop(mask(10, 8), width=4, height=4, anchor=anchor)
    assert np.array_equal(cut.array, mask(10, 8).array[rows, columns])


def test_without_a_length_the_crop_goes_to_the_edge(picture):
    assert np.array_equal(crop(picture(10, 8), left=3).array, picture(10, 8).array[:, 3:])


@pytest.mark.parametrize(
    ("params", "about"), [({"left": 8, "width": 3}, "width"), ({"left": 10}, "left"), ({"height": 9}, "height")]
)
def test_plan_refuses_a_crop_beyond_the_picture(picture, refused, params, about):
    assert f"node {about}: the crop extends beyond the picture" in refused(crop, image=picture(10, 8), **params)


def test_plan_names_both_sides_that_are_beyond(picture, planned):
    assert len(planned(crop, image=picture(10, 8), width=11, height=9).problems) == 2


def test_plan_of_an_unknown_picture_knows_the_sides_that_are_given(planned):
    answer = planned(crop, image=Facts(), width=4, height=3)
    assert answer.outputs["image"] == Facts(4, 3)
    assert not answer.problems
