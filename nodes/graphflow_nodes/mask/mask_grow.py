"""mask_grow: widen or narrow the white part of a mask."""

from math import isqrt
from typing import TYPE_CHECKING, Annotated, Literal

from graphflow.catalog.authoring import Doc, SizeOf, node
from graphflow.values.raster import Mask

if TYPE_CHECKING:
    import numpy as np


@node()
def mask_grow(
    mask: Mask,
    *,
    pixels: Annotated[int, Doc("Distance by which the white part grows; negative shrinks it, 0 keeps it.")],
    shape: Annotated[
        Literal["disc", "square"], Doc("disc: the same distance in every direction; square: corners stay sharp.")
    ] = "disc",
) -> Annotated[Mask, SizeOf("mask")]:
    """Grow the white part of a mask, or shrink it if `pixels` is negative.

    Each pixel takes the brightest (when shrinking, the darkest) value within the distance, so grey edges keep their
    slope. Pixels outside the picture don't count: shrinking does not remove white at the picture's border. The size
    is kept. Source: greyscale dilation and erosion with a flat structuring element.
    """
    values = mask.array
    # A radius of width plus height already covers the whole picture.
    radius = min(abs(pixels), mask.width + mask.height)
    grow = _grown_by_disc if shape == "disc" else _grown_by_square
    if pixels < 0:
        # Growing the black part shrinks the white part.
        return Mask.of(255 - grow(255 - values, radius))
    return Mask.of(grow(values, radius))


def _grown_by_square(values: "np.ndarray", radius: int) -> "np.ndarray":
    """Maximum over a square of 2 · radius + 1 pixels; (H, W) uint8 in and out."""
    return _widened(_widened(values, 0, radius).T, 0, radius).T


def _grown_by_disc(values: "np.ndarray", radius: int) -> "np.ndarray":
    """Maximum over dx² + dy² ≤ radius², built from the disc's rows; (H, W) uint8 in and out."""
    import numpy as np

    height = values.shape[0]
    result = np.zeros_like(values)
    row, half = values, 0
    # The disc's rows only get wider from its ends to its middle, so each is made from the previous one.
    for dy in range(radius, -1, -1):
        wider = isqrt(radius * radius - dy * dy)
        row, half = _widened(row, half, wider), wider
        if dy < height:
            np.maximum(result[dy:], row[: height - dy], out=result[dy:])
            np.maximum(result[: height - dy], row[dy:], out=result[: height - dy])
    return result


def _widened(row_maximum: "np.ndarray", half: int, wider: int) -> "np.ndarray":
    """The maximum over 2 · wider + 1 pixels of each row, from that over 2 · half + 1 pixels."""
    import numpy as np

    while half < wider:
        # A shift of at most half + 1 leaves no gap between the windows, at the picture's border either.
        shift = min(half + 1, wider - half)
        result = row_maximum.copy()
        np.maximum(result[:, shift:], row_maximum[:, :-shift], out=result[:, shift:])
        np.maximum(result[:, :-shift], row_maximum[:, shift:], out=result[:, :-shift])
        row_maximum, half = result, half + shift
    return row_maximum
