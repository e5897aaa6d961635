"""The ways in which a file stores tensors of a component: unchanged, or converted as in the original layout."""

from __future__ import annotations

from enum import Enum


class Stored(Enum):
    """The way in which a tensor of a file stores one or more tensors of a component."""

    PLAIN = "plain"
    """One tensor, unchanged."""
    THIRDS = "thirds"
    """Three tensors of equal size, concatenated along the first axis."""
    TRANSPOSED = "transposed"
    """A matrix, transposed."""
    CELL = "cell"
    """A matrix, stored as a convolution of one cell: (rows, columns, 1, 1)."""

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of each tensor of the component, given the shape of the tensor in the file."""
        if self is Stored.THIRDS:
            return (shape[0] // 3, *shape[1:])
        if self is Stored.TRANSPOSED:
            return shape[::-1]
        return shape[:2] if self is Stored.CELL else shape

    @property
    def pieces(self) -> int:
        """Number of tensors of the component that it contains."""
        return 3 if self is Stored.THIRDS else 1
