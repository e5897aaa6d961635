"""How much the pixels of two pictures differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphflow.values.picture_files import read_picture


@dataclass(frozen=True, slots=True)
class PixelDifference:
    """The pixels of two pictures, compared.

    Attributes:
        before, now: (width, height) of each.
        differing: the number of pixels that differ; None if the sizes do.
        greatest: the greatest difference of a channel, 0 to 255; None if the sizes differ.
        mean: the mean difference of all channels; None if the sizes differ.
    """

    before: tuple[int, int]
    now: tuple[int, int]
    differing: int | None = None
    greatest: int | None = None
    mean: float | None = None

    @property
    def equal(self) -> bool:
        """Whether all pixels are equal."""
        return self.differing == 0

    def __str__(self) -> str:
        if self.differing is None:
            (width, height), (new_width, new_height) = self.before, self.now
            return f"{width} × {height} → {new_width} × {new_height}"
        if self.equal:
            return "equal"
        total = self.now[0] * self.now[1]
        shown = f"{self.differing:,} of {total:,} differ"
        return f"{shown}, by at most {self.greatest} and on average {self.mean:.3g} of 255"


def pixel_difference(before: Path, now: Path) -> PixelDifference:
    """Compare the pixels of two pictures as RGBA, so that a mask equals the same picture in colour.

    Raises:
        FileProblem: a file is not a whole picture.
    """
    import numpy as np

    old, new = (read_picture(path).convert("RGBA") for path in (before, now))
    if old.size != new.size:
        return PixelDifference(old.size, new.size)
    distances = np.abs(np.asarray(old).astype(np.int16) - np.asarray(new).astype(np.int16))
    differing = int(distances.any(axis=2).sum())
    return PixelDifference(old.size, new.size, differing, int(distances.max()), float(distances[..., :3].mean()))
