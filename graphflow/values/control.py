"""Control signals: a picture that steers a stage through a ControlNet, as it travels on edges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from graphflow.values.raster import Image, Mask


class ModelFiles(Protocol):
    """The facts of a model on disk that values use; `graphflow.checkpoints.components` reads them."""

    @property
    def label(self) -> str:
        """Its name in messages."""

    @property
    def class_name(self) -> str:
        """Its class in diffusers or transformers."""

    @property
    def full_config(self) -> Mapping[str, Any]:
        """Its config with the class's defaults filled in."""

    @property
    def identity(self) -> str:
        """Says what it is, independent of its path and its file format."""


@dataclass(frozen=True)
class Control:
    """The picture that a ControlNet sees, and how strongly and when it steers.

    Attributes:
        picture: edges, depth, or for inpainting the picture itself.
        net: the ControlNet's files; a stage loads them in its own precision.
        mask: of `picture`'s size; a ControlNet for inpainting sees -1 where the mask is more than half white.
        scale: its strength; None for the default of the stage that reads it.
        start, end: the share of the steps in which it steers, 0 ≤ start < end ≤ 1.
    """

    picture: Image
    net: ModelFiles
    mask: Mask | None = None
    scale: float | None = None
    start: float = 0.0
    end: float = 1.0

    word: ClassVar[str] = "control"

    @property
    def width(self) -> int:
        """Pixels per row of the picture."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return self.picture.height

    @property
    def nbytes(self) -> int:
        return self.picture.nbytes + (self.mask.nbytes if self.mask is not None else 0)

    @cached_property
    def digest(self) -> str:
        """sha256 of pixels, ControlNet and settings, in hexadecimal; the ControlNet's path doesn't matter."""
        masked = self.mask.digest if self.mask is not None else ""
        settings = f"{self.scale!r} {self.start!r} {self.end!r}"
        text = f"control {self.picture.digest} {masked} {self.net.identity} {settings}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hidden(self) -> np.ndarray:
        """The pixels that are hidden from the ControlNet: (H, W) bool.

        Source: `make_inpaint_condition` of diffusers' inpainting guide.
        """
        import numpy as np

        if self.mask is None:
            return np.zeros((self.height, self.width), bool)
        return self.mask.array.astype(np.float32) / 255 > 0.5

    def seen(self) -> Image:
        """The picture with its hidden pixels black."""
        if self.mask is None:
            return self.picture
        pixels = self.picture.array.copy()
        pixels[self.hidden] = 0
        return type(self.picture).of(pixels)
