"""The layout of a sweep's grids: their columns, and the lines of their captions."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from graphflow.values.types import STRING, Type

IN_A_ROW = 5
"""Most pictures that are always in one row."""


def columns_of(counts: Sequence[int]) -> int:
    """The number of columns for a product of lists of these lengths, whose last one varies fastest.

    One list is a row; a long one becomes a block that is about as wide as high, if possible without gaps. Of several
    lists, the last one gives the columns, and each combination of the others is a row.
    """
    if len(counts) > 1:
        return counts[-1]
    count = counts[0]
    if count <= IN_A_ROW:
        return count
    side = isqrt(count - 1) + 1
    return min(range(side, side + 3), key=lambda columns: (-count % columns, columns))


def caption_lines(types: Sequence[Type | None]) -> int | None:
    """Lines for captions with values of these types; None for the default of a grid, which is enough for two numbers.

    Args:
        types: of each list of values; None for seeds.
    """
    lines = len(types) + sum(type_ == STRING for type_ in types)
    return None if lines == 2 or (lines == 1 and types[0] is not None) else lines
