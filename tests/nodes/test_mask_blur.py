import pytest

from graphflow.catalog.signature import node_type
from graphflow.errors import InvalidValue
from graphflow.values.raster import Mask
from graphflow_nodes.mask.mask_blur import mask_blur
from graphflow_nodes.mask.mask_shape import mask_shape


@pytest.mark.parametrize("blur_factor", [0, 4, 33, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_blur_equals_that_of_diffusers(mask, blur_factor, seed):
    from diffusers.image_processor import VaeImageProcessor

    for source in (mask(67, 41, seed), mask_shape(width=90, height=50, shape="rectangle", box=(0.3, 0.2, 0.6, 0.9))):
        expected = VaeImageProcessor.blur(source.pil(), blur_factor=blur_factor)
        assert mask_blur(source, blur_factor=blur_factor) == Mask.of(expected)


def test_zero_keeps_the_edge(mask):
    assert mask_blur(mask(20, 10), blur_factor=0) == mask(20, 10)


@pytest.mark.parametrize("value", [-1, 1e9])
def test_blur_out_of_range_is_refused(value):
    with pytest.raises(InvalidValue):
        node_type(mask_blur).params["blur_factor"].accept(value)
