import numpy as np
import pytest

from graphflow.catalog.signature import node_type
from graphflow.values.raster import Image, Mask
from graphflow_nodes.image.overlay import overlay
from graphflow_nodes.mask.mask_blur import mask_blur
from graphflow_nodes.mask.mask_shape import mask_shape


@pytest.mark.parametrize("blur_factor", [None, 0, 4, 33])
@pytest.mark.parametrize("seed", range(4))
def test_soft_equals_apply_overlay_of_diffusers(picture, mask, blur_factor, seed):
    from diffusers.image_processor import VaeImageProcessor

    image, generated = picture(67, 41, seed), picture(67, 41, seed + 100)
    if blur_factor is None:
        selection = mask(67, 41, seed)
    else:
        selection = mask_blur(mask_shape(image, shape="ellipse", box=(0.2, 0.1, 0.7, 0.9)), blur_factor=blur_factor)
    expected = VaeImageProcessor().apply_overlay(selection.pil(), image.pil(), generated.pil())
    assert overlay(image, selection, generated) == Image.of(expected)


@pytest.mark.parametrize("seed", range(3))
def test_binary_equals_the_composite_of_the_guide(picture, mask, seed):
    image, selection, generated = picture(30, 20, seed), mask(30, 20, seed), picture(30, 20, seed + 100)
    hard = (selection.array[:, :, None].astype(np.float32) / 255.0 >= 0.5).astype(np.float32)
    expected = (1 - hard) * image.array + hard * generated.array
    assert np.array_equal(overlay(image, selection, generated, mode="binary").array, expected.round().astype("uint8"))


@pytest.mark.parametrize("mode", ["soft", "binary"])
def test_black_keeps_every_byte_and_white_takes_every_byte(picture, mode):
    image, generated = picture(30, 20, 1), picture(30, 20, 2)
    assert overlay(image, Mask(bytes(600), 30, 20), generated, mode=mode) == image
    assert overlay(image, Mask(b"\xff" * 600, 30, 20), generated, mode=mode) == generated


def test_all_three_must_have_one_size():
    ports = node_type(overlay).ports
    assert ports["mask"].same_size == ports["generated"].same_size == "image"
