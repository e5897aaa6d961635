import numpy as np
import pytest

from graphflow.catalog.signature import node_type
from graphflow.values.raster import Mask
from graphflow_nodes.mask.mask_combine import mask_combine

FIRST = Mask(b"\0\0\xff\xff", 4, 1)
SECOND = Mask(b"\0\xff\0\xff", 4, 1)


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("union", b"\0\xff\xff\xff"),
        ("intersection", b"\0\0\0\xff"),
        ("difference", b"\0\0\xff\0"),
        ("xor", b"\0\xff\xff\0"),
    ],
)
def test_black_and_white_masks_combine_as_sets(operation, result):
    assert mask_combine(FIRST, SECOND, operation=operation).pixels == result


def test_of_grey_the_lighter_or_the_darker_is_taken(mask):
    first, second = mask(9, 7, 1), mask(9, 7, 2)
    union = mask_combine(first, second, operation="union").array
    intersection = mask_combine(first, second, operation="intersection").array
    assert np.array_equal(union, np.maximum(first.array, second.array))
    assert np.array_equal(intersection, np.minimum(first.array, second.array))


def test_both_masks_must_have_one_size():
    assert node_type(mask_combine).ports["other"].same_size == "mask"
