import io

import PIL.Image
import pytest

from graphflow.values.facts import Facts
from graphflow_nodes.image.animate import animate


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_animation_is_written_as_it_was_declared(picture, format):
    animation = animate([picture(16, 8, seed) for seed in range(3)], duration=120, loop=2, format=format)
    with PIL.Image.open(io.BytesIO(animation.encode())) as written:
        assert (written.format, written.n_frames, written.size) == (format.upper(), 3, (16, 8))
        assert written.info["loop"] == 2


def test_frames_stay_in_order(picture):
    frames = [picture(4, 4, seed) for seed in range(3)]
    assert animate(frames).frames == tuple(frames)


def test_plan_refuses_an_empty_list_and_unequal_sizes(picture, refused):
    assert "no pictures to animate" in refused(animate, images=[])
    text = refused(animate, images=[picture(4, 4), picture(4, 5), picture(4, 4)])
    assert "size-mismatch images" in text
    assert "4 × 4, 4 × 5" in text


def test_plan_accepts_what_is_unknown(refused):
    assert refused(animate, images=Facts()) == ""
    assert refused(animate, images=Facts(items=(Facts(4, 4), Facts()))) == ""
