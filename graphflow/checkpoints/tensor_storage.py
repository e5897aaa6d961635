"""How a tensor of a file holds the tensors of a component: as it is, or as an original checkpoint does."""

from __future__ import annotations

from enum import Enum


class Stored(Enum):
    """How a tensor of a file holds the tensors of a component."""

    PLAIN = "plain"
    """As it is."""
    THIRDS = "thirds"
    """Three tensors of equal size, joined along the first axis."""
    TRANSPOSED = "transposed"
    """A matrix, rows and columns exchanged."""
    CELL = "cell"
    """A matrix as a convolution of one cell, (rows, columns, 1, 1)."""

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of each of a component's tensors, from that of the file's tensor."""
        if self is Stored.THIRDS:
            return (shape[0] // 3, *shape[1:])
        if self is Stored.TRANSPOSED:
            return shape[::-1]
        return shape[:2] if self is Stored.CELL else shape

    @property
    def pieces(self) -> int:
        """How many tensors of a component it is."""
        return 3 if self is Stored.THIRDS else 1
