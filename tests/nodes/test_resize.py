import PIL.Image
import pytest

from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.image.resize import resize


@pytest.mark.parametrize("resample", ["lanczos", "bicubic", "nearest"])
def test_stretch_is_pillows_resize(picture, resample):
    expected = picture(40, 30).pil().resize((16, 24), PIL.Image.Resampling[resample.upper()])
    assert resize(picture(40, 30), width=16, height=24, resample=resample) == Image.of(expected)


def test_mask_stays_a_mask(mask):
    assert type(resize(mask(8, 8), width=4)) is Mask


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"width": 20}, (20, 15)),
        ({"height": 15}, (20, 15)),
        ({"width": 20, "height": 20}, (20, 20)),
        ({"width": 20, "height": 20, "fit": "contain"}, (20, 15)),
        ({"width": 80, "height": 31, "fit": "contain"}, (41, 31)),
        ({"width": 20, "height": 20, "fit": "cover"}, (20, 20)),
        ({"multiple_of": 8}, (40, 24)),
        ({"width": 5, "multiple_of": 8}, (8, 8)),
        ({"width": 1000, "height": 1}, (1000, 1)),
    ],
)
def test_size_follows_from_what_is_given(picture, params, size):
    assert resize(picture(40, 30), **params).size == size


def test_very_long_picture_keeps_at_least_one_pixel(picture):
    assert resize(picture(300, 1), width=10).size == (10, 1)


def test_cover_keeps_the_middle():
    halves = Image.of(PIL.Image.new("RGB", (60, 20), "red"))
    pil = halves.pil()
    pil.paste("blue", (20, 0, 40, 20))
    assert resize(Image.of(pil), width=20, height=20, fit="cover") == Image.of(PIL.Image.new("RGB", (20, 20), "blue"))


def test_own_size_changes_nothing(picture):
    assert resize(picture(9, 7), width=9, height=7) == picture(9, 7)


def test_like_takes_the_size_of_another_picture(picture, mask, planned):
    assert resize(mask(9, 7), picture(4, 3)).size == (4, 3)
    assert planned(resize, image=mask(9, 7), like=picture(4, 3)).outputs["image"].size == (4, 3)
    assert planned(resize, image=mask(9, 7), like=Facts()).outputs["image"].size is None


def test_plan_knows_a_size_that_does_not_depend_on_the_picture(planned):
    assert planned(resize, image=Facts(), width=8, height=6).outputs["image"].size == (8, 6)
    assert planned(resize, image=Facts(), width=8).outputs["image"].size is None


def test_plan_refuses_no_size_two_sizes_and_giants(picture, refused):
    assert "no size is given" in refused(resize, image=picture(4, 4))
    assert "given twice" in refused(resize, image=picture(4, 4), like=picture(2, 2), width=3)
    assert "picture-too-large" in refused(resize, image=picture(4, 4), width=20_000)
