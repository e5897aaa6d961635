"""The values that travel on edges: pictures, masks, animations, files, text and numbers, all immutable.

A picture keeps its pixels as `bytes`; its numpy array is a view of them that cannot be made writeable, so no node
can change a value that other nodes read. numpy and Pillow are imported only when pixels are used, since checking a
graph needs none.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from graphflow.errors import FileProblem, InvalidValue
from graphflow.problems import shown_path
from graphflow.system.files import open_file
from graphflow.values.picture_files import picture_header
from graphflow.values.types import Atom, ListOf, Type, Union, Variable
from graphflow.wording.words import counted, with_article

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True, slots=True)
class Animation:
    """Pictures shown one after the other.

    Attributes:
        frames: at least one picture, all of the same size.
        duration: milliseconds per frame, at least 1.
        loop: how many times it is played; 0 = forever.
        format: `gif` or `webp`, the format in which it is written.
    """

    frames: tuple[Image, ...]
    duration: int = 200
    loop: int = 0
    format: str = "gif"

    def __post_init__(self) -> None:
        if not self.frames or any(frame.size != self.frames[0].size for frame in self.frames):
            raise InvalidValue("an animation needs at least one frame, and all frames of the same size")
        if self.duration < 1 or self.loop < 0 or self.format not in ("gif", "webp"):
            raise InvalidValue("an animation has duration ≥ 1, loop ≥ 0 and format gif or webp")

    @property
    def nbytes(self) -> int:
        return sum(frame.nbytes for frame in self.frames)

    @property
    def digest(self) -> str:
        head = f"animation {self.duration} {self.loop} {self.format}\n"
        return hashlib.sha256((head + "".join(frame.digest for frame in self.frames)).encode()).hexdigest()

    def encode(self) -> bytes:
        """The animation as a GIF or lossless WebP file."""
        first, *rest = [frame.pil() for frame in self.frames]
        buffer = io.BytesIO()
        options: dict[str, Any] = {"lossless": True} if self.format == "webp" else {"optimize": False}
        if self.format == "webp" or self.loop != 1:
            options["loop"] = self.loop
        first.save(buffer, self.format.upper(), save_all=True, append_images=rest, duration=self.duration, **options)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the animation in its own format. Returns the path."""
        target = Path(path)
        try:
            target.write_bytes(self.encode())
        except OSError as error:
            raise FileProblem(f"{target}: cannot write the animation: {error}") from error
        return target


@dataclass(frozen=True)
class File:
    """A file that the user named, with an absolute path; files with equal content have equal digests."""

    path: Path

    @cached_property
    def digest(self) -> str:
        """sha256 of the content, in hexadecimal; read once.

        Raises:
            FileProblem: the file cannot be read.
        """
        try:
            with open_file(self.path) as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise FileProblem(f"{shown_path(self.path)} cannot be read: {error.strerror}") from error

    @cached_property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) from the picture's header; no pixel is decoded.

        Raises:
            FileProblem: the file is not a picture, is cut off, or has more than `MAX_PIXELS` pixels.
        """
        return picture_header(self.path)

    def __fspath__(self) -> str:
        return str(self.path)


def describe(value: Any) -> str:
    """A value in a few words, for messages."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "…")
    if value is None or isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "file": (File,),
    "animation": (Animation,),
}


def coerce(value: Any, type_: Type) -> Any:
    """The value converted to `type_`: pictures become `Image` or `Mask`, ints floats, lists tuples.

    Raises:
        InvalidValue: it does not have this type and cannot be converted.
    """
    if isinstance(type_, Atom):
        return _coerce_atom(value, type_.word)
    if isinstance(type_, ListOf):
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(coerce(item, type_.item) for item in items)
    members: Sequence[Type] = type_.members if isinstance(type_, Union) else type_.options
    if isinstance(type_, Variable) and not members:
        return value
    for exact in (True, False):
        for member in members:
            if exact and not _is_exactly(value, member):
                continue
            try:
                return coerce(value, member)
            except InvalidValue:
                continue
    raise InvalidValue(f"{describe(value)} is not {with_article(str(type_))}")


def _coerce_atom(value: Any, word: str) -> Any:
    if word == "image":
        return value if type(value) is Image else Image.of(value)
    if word == "mask":
        return value if type(value) is Mask else Mask.of(value)
    accepted = _PYTHON_TYPES.get(word)
    if accepted is None:
        if value_word(value) == word:
            return value
    elif isinstance(value, accepted) and (word == "bool" or not isinstance(value, bool)):
        if word == "string" and not is_text(value):
            raise InvalidValue(NO_TEXT)
        if word == "float":
            try:
                value = float(value)  # type: ignore[arg-type]
            except OverflowError as error:
                raise InvalidValue(f"an int of {counted(len(str(value)), 'digit')} is larger than any float") from error
            if not math.isfinite(value):
                raise InvalidValue("NaN and infinity are not allowed")
        return value
    raise InvalidValue(f"{describe(value)} is not {with_article(word)}")


NO_TEXT = "it contains bytes that are not UTF-8 text"


def is_text(value: Any) -> bool:
    """Whether a string can be encoded as UTF-8; a shell may pass bytes that are not text."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_exactly(value: Any, type_: Type) -> bool:
    if isinstance(type_, ListOf):
        return isinstance(value, (list, tuple))
    return isinstance(type_, Atom) and value_word(value) == type_.word


def value_word(value: Any) -> str | None:
    """The name of a single Python value's type; None if no type fits."""
    if isinstance(value, bool):
        return "bool"
    for word, kinds in _PYTHON_TYPES.items():
        if type(value) in kinds[:1]:
            return word
    return getattr(type(value), "word", None)


def digest_of(value: Any) -> str:
    """A digest of any value that travels on an edge: equal values have equal digests, in any process."""
    if isinstance(value, tuple):
        return hashlib.sha256(("list " + " ".join(map(digest_of, value))).encode()).hexdigest()
    known = getattr(value, "digest", None)
    if known is not None:
        return str(known)
    return hashlib.sha256(f"{type(value).__name__} {value!r}".encode()).hexdigest()


def bytes_of(value: Any) -> int:
    """About how many bytes of memory a value takes."""
    if isinstance(value, tuple):
        return sum(map(bytes_of, value))
    size = getattr(value, "nbytes", None)
    return int(size) if size is not None else 64 + (len(value) if isinstance(value, str) else 0)
