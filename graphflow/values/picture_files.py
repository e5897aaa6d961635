"""Picture files: `check` reads their headers, and a run decodes them.

Pillow reads the files, but only through the readers listed in this module. By default it tries every plugin it
has, whatever the file's name, and some of those pass the file to other programs (EPS to Ghostscript).

Headers and pixels are untrusted data, for which Pillow's readers raise many kinds of errors: each becomes a
`FileProblem` that names the file and the reason.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from graphflow.errors import FileProblem
from graphflow.problems import shown_path
from graphflow.system.files import open_file
from graphflow.system.warning_filters import filtered

if TYPE_CHECKING:
    import PIL.Image

MAX_PIXELS = 100_000_000
"""A picture with more pixels than this is refused before it is decoded (10,000 × 10,000 is accepted)."""

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Suffixes of picture files."""

OTHER_FORMAT = "use a PNG, JPEG, WebP, BMP, GIF or TIFF file"

_ORIENTATION = 0x0112
_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes that convert to RGB, grey and alpha without guessing a range; the modes of 16-bit grey."""


class _Format(NamedTuple):
    """A picture format: how its files start, Pillow's reader for it, and the bytes at offset 8 if they matter."""

    name: str
    starts: tuple[bytes, ...]
    module: str
    reader: str
    at_8: bytes = b""


_FORMATS = (
    _Format("PNG", (b"\x89PNG\r\n\x1a\n",), "PngImagePlugin", "PngImageFile"),
    _Format("JPEG", (b"\xff\xd8\xff",), "JpegImagePlugin", "JpegImageFile"),
    _Format("WebP", (b"RIFF",), "WebPImagePlugin", "WebPImageFile", at_8=b"WEBP"),
    _Format("BMP", (b"BM",), "BmpImagePlugin", "BmpImageFile"),
    _Format("GIF", (b"GIF87a", b"GIF89a"), "GifImagePlugin", "GifImageFile"),
    _Format("TIFF", (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"), "TiffImagePlugin", "TiffImageFile"),
)


def format_of(start: bytes) -> str:
    """The format of a picture file that starts with these 16 bytes, such as PNG; empty for any other file."""
    format_ = _format(start)
    return "" if format_ is None else format_.name


def _format(start: bytes) -> _Format | None:
    return next((f for f in _FORMATS if start.startswith(f.starts) and start[8:].startswith(f.at_8)), None)


class _Unreadable(Exception):
    """The reason why a file is not a readable picture."""


def picture_header(path: Path) -> tuple[int, int]:
    """(width, height) of the picture at `path`, turned as its EXIF orientation says, without decoding it.

    Raises:
        FileProblem: the file is not a picture, is cut off, or has more than `MAX_PIXELS` pixels.
    """
    with _opened(path) as (picture, orientation):
        return _upright_size(picture, orientation)


def read_picture(path: Path) -> PIL.Image.Image:
    """The decoded picture at `path`, upright (EXIF orientation applied), 8 bits per channel.

    It keeps the file's mode, except that palettes with transparency become RGBA and 16-bit grey becomes 8-bit grey.

    Raises:
        FileProblem: the file is not a picture, is damaged, or has more than `MAX_PIXELS` pixels.
    """
    with _opened(path) as (picture, orientation):
        size = _upright_size(picture, orientation)
        picture.load()
        decoded = _plain_mode(picture)
        if picture.format != "TIFF":
            # Pillow rotates TIFF files while it decodes them.
            decoded = _turned(decoded, orientation)
        if decoded.size != size:
            raise _Unreadable(f"its header says {_shown(size)} pixels, but it has {_shown(decoded.size)}")
        return decoded


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[PIL.Image.Image, int]]:
    """The picture, not decoded, and its orientation (1–8); every error inside the block becomes a FileProblem."""
    shown = shown_path(path)
    # Whatever Pillow warns about, it either repairs or later raises as an error.
    with open_file(path) as handle, filtered("ignore", module=r"(?:PIL|graphflow)(?:\.|\Z)"):
        try:
            picture = _header(handle)
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                message = f"{shown} has {_shown(picture.size)} pixels, more than {MAX_PIXELS:,}"
                raise FileProblem(message, "picture-too-large", fix="make it smaller")
            late = _metadata_behind_pixels(handle) if picture.format == "PNG" else {}
            _require_whole(picture, handle)
            yield picture, _orientation(picture, late)
        except (FileProblem, MemoryError):
            raise
        except Exception as error:  # Pillow's readers raise any exception, depending on the damage
            why = "it is cut off" if "truncated" in str(error).lower() else str(error) or type(error).__name__
            raise FileProblem(f"{shown} is not a readable picture", why=why, fix=OTHER_FORMAT) from error


def _header(handle: BinaryIO) -> PIL.Image.Image:
    start = handle.read(16)
    format_ = _format(start)
    if format_ is None:
        known = ", ".join(known.name for known in _FORMATS)
        raise _Unreadable(f"its first bytes match none of these formats: {known}" if start else "it is empty")
    reader = getattr(importlib.import_module(f"PIL.{format_.module}"), format_.reader)
    handle.seek(0)
    picture: PIL.Image.Image = reader(handle)
    if picture.mode in ("I", "F"):
        raise _Unreadable("it has 32 bits per channel, whose range is not known; save it with 8 or 16 bits")
    if picture.mode not in (*_MODES, *_DEEP):
        raise _Unreadable(f"its colours are {picture.mode}; save it as RGB or grey")
    return picture


def _orientation(picture: PIL.Image.Image, late: dict[Any, Any]) -> int:
    """How the picture must be rotated or flipped, 1–8 as in EXIF; 1 if the metadata is missing or invalid."""
    import PIL.Image

    picture.info |= {key: value for key, value in late.items() if key not in picture.info}
    try:
        # Not the reader's own method: that of PNG files decodes the whole picture first.
        orientation = PIL.Image.Image.getexif(picture).get(_ORIENTATION)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as for the header; a picture with broken metadata is a picture
        return 1
    return orientation if type(orientation) is int and 1 <= orientation <= 8 else 1


def _upright_size(picture: PIL.Image.Image, orientation: int) -> tuple[int, int]:
    width, height = picture.size
    if picture.format == "TIFF":
        # Some versions of Pillow have already rotated this size, but only as the TIFF's own tag says.
        width, height = picture.tag_v2[256], picture.tag_v2[257]  # type: ignore[attr-defined]
    return (height, width) if orientation >= 5 else (width, height)


def _turned(picture: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    from PIL.Image import Transpose

    ways = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    return picture.transpose(ways[orientation - 2]) if orientation > 1 else picture


def _plain_mode(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture with 16-bit grey scaled to 8 bits (Pillow would clip it at 255) and palettes with alpha as RGBA."""
    import numpy as np
    import PIL.Image

    if picture.mode in _DEEP:
        return PIL.Image.fromarray((np.asarray(picture).astype(np.float32) / 257).round().astype(np.uint8))
    if picture.mode in ("P", "PA") and picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture


def _metadata_behind_pixels(handle: BinaryIO) -> dict[Any, Any]:
    """Metadata of the chunks behind a PNG's pixels; the pixels' checksums are compared, nothing is decoded.

    Raises:
        _Unreadable: the file ends before its end mark, or its pixels are damaged.
    """
    from PIL.PngImagePlugin import PngImageFile

    handle.seek(0)
    start, metadata, pixels = handle.read(8 + 25), [], False
    for kind, length in _chunks(handle):
        if kind == b"IDAT":
            pixels = True
            if zlib.crc32(kind + handle.read(length)) != int.from_bytes(handle.read(4), "big"):
                raise _Unreadable("its pixels are damaged: a checksum is wrong")
        elif pixels and kind in (b"eXIf", b"iTXt", b"tEXt", b"zTXt") and length <= _MOST_METADATA:
            metadata.append(struct.pack(">I", length) + kind + handle.read(length + 4))
    if not metadata:
        return {}
    no_pixels = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with contextlib.suppress(Exception):
        return {**PngImageFile(io.BytesIO(b"".join([start, *metadata, no_pixels]))).info}
    return {}


_MOST_METADATA = 1 << 20


def _chunks(handle: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of every chunk of a PNG up to its end mark; the handle stands at the chunk's data."""
    size = handle.seek(0, io.SEEK_END)
    at = 8
    while True:
        handle.seek(at)
        head = handle.read(8)
        if len(head) < 8:
            raise _Unreadable("it is cut off: its end mark is missing")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        at += 12 + length
        if kind == b"IEND":
            return
        if at > size:
            raise _Unreadable("it is cut off")
        yield kind, length


def _require_whole(picture: PIL.Image.Image, handle: BinaryIO) -> None:
    """Raise `_Unreadable` if a file is clearly shorter than its header says; a PNG was read to its end already."""
    size = handle.seek(0, io.SEEK_END)
    if picture.format == "JPEG":
        # Inside a scan the two bytes of the end mark never follow each other.
        handle.seek(0)
        content = handle.read()
        whole = b"\xff\xd9" in content[max(content.rfind(b"\xff\xda"), 0) :]
    elif picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        starts, counts = (tags.get(strips) or tags.get(tiles) or () for strips, tiles in ((273, 324), (279, 325)))
        whole = all(start + count <= size for start, count in zip(starts, counts, strict=False))
    elif picture.format == "BMP":
        tile = picture.tile[0]  # type: ignore[attr-defined]
        whole = tile[0] != "raw" or tile[2] + picture.height * tile[3][1] <= size
    else:
        return
    if not whole:
        raise _Unreadable("it is cut off")


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
