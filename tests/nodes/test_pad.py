import numpy as np

from graphflow.values.raster import Mask
from graphflow_nodes.image.pad import pad


def test_mask_is_white_exactly_where_pixels_are_new(picture):
    image, new = pad(picture(6, 4), left=1, top=2, right=3, bottom=4, color="#ff8800")
    assert image.size == new.size == (10, 10)
    assert np.array_equal(image.array[2:6, 1:7], picture(6, 4).array)
    assert not new.array[2:6, 1:7].any()
    assert (new.array == 255).sum() == 100 - 24
    assert (image.array[new.array == 255] == (255, 0x88, 0)).all()


def test_without_a_colour_the_edge_goes_on(picture):
    image, _ = pad(picture(6, 4), left=2, bottom=3)
    assert (image.array[0, :2] == picture(6, 4).array[0, 0]).all()
    assert (image.array[4:, 7] == picture(6, 4).array[3, 5]).all()


def test_padded_mask_stays_a_mask(mask):
    assert type(pad(mask(4, 4), left=1).image) is Mask
    assert pad(mask(4, 4), left=1, color="white").image.array[0, 0] == 255


def test_plan_refuses_what_is_no_colour_and_giants(picture, refused):
    assert "'blurple' is not a colour" in refused(pad, image=picture(4, 4), color="blurple")
    assert "is transparent" in refused(pad, image=picture(4, 4), color="#ff880080")
    assert "picture-too-large" in refused(pad, image=picture(1000, 1000), left=200_000)
