from graphflow.values.raster import Mask
from graphflow_nodes.mask.mask_invert import mask_invert


def test_white_and_black_are_swapped():
    assert mask_invert(Mask(b"\0\x40\xff", 3, 1)) == Mask(b"\xff\xbf\0", 3, 1)


def test_twice_is_nothing(mask):
    assert mask_invert(mask_invert(mask(9, 5))) == mask(9, 5)
