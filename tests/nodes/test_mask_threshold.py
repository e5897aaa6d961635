import pytest

from graphflow.values.raster import Mask
from graphflow_nodes.mask.mask_threshold import mask_threshold

RAMP = Mask(bytes(range(256)), 256, 1)


@pytest.mark.parametrize(("threshold", "white"), [(0, 256), (0.5, 128), (0.2, 205), (1, 1)])
def test_pixels_from_the_threshold_on_are_white(threshold, white):
    values = mask_threshold(RAMP, threshold=threshold).pixels
    assert values == b"\0" * (256 - white) + b"\xff" * white


def test_half_is_where_diffusers_hardens_a_mask():
    from diffusers.image_processor import VaeImageProcessor

    hardened = VaeImageProcessor(do_normalize=False, do_binarize=True, do_convert_grayscale=True, do_resize=False)
    expected = hardened.preprocess(RAMP.pil()).numpy().reshape(256) * 255
    assert list(mask_threshold(RAMP).pixels) == expected.tolist()
