"""Pictures and masks as values: pixels that cannot be changed.

The pixels are `bytes`; the numpy array is a view of them that cannot be made writeable, so no node can change a value
that other nodes read. numpy and Pillow are imported only when pixels are used, since checking a graph needs none.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from graphflow.errors import FileProblem, InvalidValue
from graphflow.text_helpers.words import counted, with_article
from graphflow.values.any_value import describe

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class Raster:
    """Pixels of one byte per channel: the common part of `Image` and `Mask`.

    Attributes:
        width: pixels per row.
        height: number of rows.
        pixels: the rows from top to bottom, `height * width * channels` bytes.
    """

    mode: ClassVar[str]
    channels: ClassVar[int]
    word: ClassVar[str]
    pixels: bytes
    width: int
    height: int

    __slots__ = ("__dict__", "height", "pixels", "width")

    def __init__(self, pixels: bytes, width: int, height: int) -> None:
        if width < 1 or height < 1 or len(pixels) != width * height * self.channels:
            needed = f"a {width} × {height} {self.word} of {self.mode} pixels"
            raise InvalidValue(f"{counted(len(pixels), 'byte')} cannot be {needed}")
        for name, value in (("pixels", bytes(pixels)), ("width", width), ("height", height)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} of a {type(self).__name__} is read-only")

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, int, int]]:
        return type(self), (self.pixels, self.width, self.height)

    @classmethod
    def of(cls, value: Raster | PIL.Image.Image | np.ndarray) -> Self:
        """Convert a picture of any kind; colours become luminance for a mask, grey becomes RGB for an image.

        Args:
            value: an `Image`, a `Mask`, a Pillow picture of any mode, or a uint8 array of shape (H, W),
                (H, W, 3) or (H, W, 4) with values 0–255. Transparency is dropped.

        Raises:
            InvalidValue: `value` is none of these.
        """
        if isinstance(value, cls):
            return value
        picture = value.pil() if isinstance(value, Raster) else _to_pil(value, cls.word)
        picture = picture if picture.mode == cls.mode else picture.convert(cls.mode)
        return cls(picture.tobytes(), *picture.size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, in Pillow's order."""
        return self.width, self.height

    @property
    def nbytes(self) -> int:
        return len(self.pixels)

    @property
    def array(self) -> np.ndarray:
        """The pixels as a read-only uint8 array: (H, W, 3) for an image, (H, W) for a mask."""
        import numpy as np

        shape = (self.height, self.width, self.channels) if self.channels > 1 else (self.height, self.width)
        return np.frombuffer(self.pixels, np.uint8).reshape(shape)

    def pil(self) -> PIL.Image.Image:
        """A new Pillow picture with these pixels; changing it does not change this value."""
        import PIL.Image

        return PIL.Image.frombytes(self.mode, self.size, self.pixels)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture; the path's suffix decides the format. Returns the path."""
        target = Path(path)
        try:
            self.pil().save(target)
        except (OSError, ValueError) as error:
            raise FileProblem(f"{target}: cannot write the {self.word}: {error}") from error
        return target

    @cached_property
    def digest(self) -> str:
        """sha256 of kind, size and pixels, in hexadecimal."""
        head = f"{self.word} {self.width} {self.height}\n".encode()
        return hashlib.sha256(head + self.pixels).hexdigest()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.size == other.size and self.pixels == other.pixels

    def __hash__(self) -> int:
        return hash((self.word, self.size, self.pixels))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.width}×{self.height}>"


class Image(Raster):
    """An RGB picture: uint8, (H, W, 3), values 0–255."""

    mode, channels, word = "RGB", 3, "image"
    __slots__ = ()


class Mask(Raster):
    """A grey picture: uint8, (H, W), values 0–255; white = repaint, black = keep."""

    mode, channels, word = "L", 1, "mask"
    __slots__ = ()


def _to_pil(value: Any, word: str) -> PIL.Image.Image:
    import PIL.Image

    if isinstance(value, PIL.Image.Image):
        return value
    if getattr(value, "dtype", None) is not None and str(value.dtype) == "uint8" and value.ndim in (2, 3):
        try:
            return PIL.Image.fromarray(value)
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"an array of shape {value.shape} is not {with_article(word)}") from error
    raise InvalidValue(f"{describe(value)} is not {with_article(word)}")
