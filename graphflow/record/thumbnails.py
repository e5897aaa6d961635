"""Thumbnails for the report, as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphflow.text_helpers.words import counted
from graphflow.values.animation import Animation
from graphflow.values.control import Control
from graphflow.values.raster import Image, Mask, Raster

if TYPE_CHECKING:
    import PIL.Image

_MOST_FRAMES = 24


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture.

    Attributes:
        uri: the picture itself, `data:…`.
        width, height: of the small picture, in pixels.
        shows: size and type of the original, such as `600 × 400 image`.
    """

    uri: str
    width: int
    height: int
    shows: str


def has_look(value: Any) -> bool:
    """Whether a value can be shown as a picture."""
    return isinstance(value, (Raster, Animation, Control))


def thumbnail(value: Any, edge: int) -> Thumbnail | None:
    """A picture of `value` that is at most `edge` pixels wide and high; None if it cannot be shown as a picture.

    A list is shown by its first item, an animation as an animation.
    """
    if isinstance(value, tuple):
        return thumbnail(value[0], edge) if value else None
    if isinstance(value, (Raster, Control)):
        shows = f"{value.width} × {value.height} {value.word}"
        small = _small(value.seen() if isinstance(value, Control) else value, edge)
        # PNG for masks, since JPEG adds rings around hard edges.
        return _thumbnail([small], "PNG" if isinstance(value, Mask) else "JPEG", shows)
    if isinstance(value, Animation):
        stride = -(-len(value.frames) // _MOST_FRAMES)
        frames = [_small(frame, edge) for frame in value.frames[::stride]]
        shows = f"{value.frames[0].width} × {value.frames[0].height} animation, {counted(len(value.frames), 'frame')}"
        return _thumbnail(frames, "WEBP", shows, value.duration * stride)
    return None


def _small(picture: Image | Raster, edge: int) -> PIL.Image.Image:
    import PIL.Image

    small = picture.pil()
    small.thumbnail((edge, edge), PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    return small


def _thumbnail(frames: list[PIL.Image.Image], format_: str, shows: str, duration: int = 0) -> Thumbnail:
    first, *rest = frames
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": rest, "duration": duration, "loop": 0} if rest else {}
    quality = {} if format_ == "PNG" else {"quality": 82}
    first.save(buffer, format_, optimize=True, **quality, **more)
    data = base64.b64encode(buffer.getvalue()).decode()
    return Thumbnail(f"data:image/{format_.lower()};base64,{data}", *first.size, shows)
