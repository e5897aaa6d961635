"""Animations as values: frames, and the bytes of the GIF or WebP file that holds them."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphflow.errors import FileProblem, InvalidValue
from graphflow.values.raster import Image


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
