"""Control signals: a picture that steers a stage through a ControlNet, as it travels on edges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from graphflow.values.value import Image, Mask


class ModelFiles(Protocol):
    """A model on disk as values know it; `graphflow.checkpoints.components` reads it."""

    @property
    def label(self) -> str:
        """How it is named to a person."""

    @property
    def class_name(self) -> str:
        """Of diffusers or transformers."""

    @property
    def full_config(self) -> Mapping[str, Any]:
        """Its config with the class's defaults filled in."""

    @property
    def identity(self) -> str:
        """What it is, wherever it lies and however it is stored."""


@dataclass(frozen=True)
class Control:
    """What a ControlNet is shown, and how strongly and when it steers.

    Attributes:
        picture: what it sees: edges, depth, or for inpainting the picture itself.
        net: the ControlNet's files; a stage loads them in its own precision.
        mask: of `picture`'s size; a ControlNet for inpainting sees -1 where it is more than half white.
        scale: how strongly it counts; None for the default of the stage that reads it.
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
        """Pixels a row of the picture."""
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
        """sha256 of pixels, ControlNet and settings, in hexadecimal; where the ControlNet lies doesn't matter."""
        masked = self.mask.digest if self.mask is not None else ""
        settings = f"{self.scale!r} {self.start!r} {self.end!r}"
        text = f"control {self.picture.digest} {masked} {self.net.identity} {settings}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hidden(self) -> np.ndarray:
        """Which pixels the ControlNet is not to see: (H, W) bool. Source: the guide's `make_inpaint_condition`."""
        import numpy as np

        if self.mask is None:
            return np.zeros((self.height, self.width), bool)
        return self.mask.array.astype(np.float32) / 255 > 0.5

    def seen(self) -> Image:
        """The picture to look at: hidden pixels are black."""
        if self.mask is None:
            return self.picture
        pixels = self.picture.array.copy()
        pixels[self.hidden] = 0
        return type(self.picture).of(pixels)
