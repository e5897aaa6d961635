"""JPEG and WebP files that contain a record, in the EXIF tag ImageHistory.

It is ASCII text, `graphflow` and a space before the record. A segment of a JPEG file has at most 64 KiB, so a
longer record is left out of it. The tag UserComment has the text that A1111 and others read; in files of earlier
versions of graphflow it has the record.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from graphflow.errors import FileProblem
from graphflow.record.png import CHUNK_CHARACTERS, MAX_TEXT
from graphflow.system.warning_filters import filtered
from graphflow.values.raster import Raster

DEFAULT_QUALITY = 90
FULL_COLOUR = 90
"""From this quality on, a JPEG file keeps the colour of every pixel; below it, of every 2 × 2 pixels."""

MAX_JPEG_EXIF = 65_533
"""Bytes of EXIF data in a JPEG file."""

MAX_EDGES = {"JPEG": 65_500, "WEBP": 16_383}
"""The most pixels per row or column."""

_EXIF_FOLDER, _USER_COMMENT, _IMAGE_HISTORY = 0x8769, 0x9286, 0x9213
_ASCII, _UNICODE = b"ASCII\0\0\0", b"UNICODE\0"
_START = b"graphflow "
_EXIF = b"Exif\0\0"


def encode_jpeg(picture: Raster, text: str | None, quality: int | None, parameters: str = "") -> bytes:
    """The picture as a JPEG file that contains the JSON `text` and `parameters`, unless they are too long.

    Raises:
        ValueError: the picture has more pixels per row or column than the format allows.
    """
    choices = (_exif_of(text, parameters), _exif_of(None, parameters), b"")
    exif = next(exif for exif in choices if len(exif) <= MAX_JPEG_EXIF)
    quality = DEFAULT_QUALITY if quality is None else quality
    return _encoded(picture, "JPEG", exif, quality=quality, subsampling=0 if quality >= FULL_COLOUR else 2)


def encode_webp(picture: Raster, text: str | None, quality: int | None, parameters: str = "") -> bytes:
    """The picture as a WebP file that contains the JSON `text`, unless it is longer than `MAX_TEXT` bytes.

    Args:
        picture: any picture.
        text: the record; None for none.
        quality: 1 to 100; None for `DEFAULT_QUALITY`.
        parameters: a text for other programs; empty for none.

    Raises:
        ValueError: the picture has more pixels per row or column than the format allows.
    """
    return _encoded(
        picture, "WEBP", _exif_of(text, parameters), quality=DEFAULT_QUALITY if quality is None else quality
    )


def _encoded(picture: Raster, format_: str, exif: bytes, **options: Any) -> bytes:
    most = MAX_EDGES[format_]
    if max(picture.size) > most:
        raise ValueError(
            f"it has {picture.width} × {picture.height} pixels; {format_} allows {most:,} per row and column"
        )
    buffer = io.BytesIO()
    picture.pil().save(buffer, format_, exif=exif, **options)
    return buffer.getvalue()


def _exif_of(text: str | None, parameters: str) -> bytes:
    """EXIF data with those of the two texts that are neither empty nor too long; empty if there are none."""
    import PIL.Image

    exif = PIL.Image.Exif()
    if text is not None and len(text.encode()) <= MAX_TEXT:
        exif[_IMAGE_HISTORY] = _START.decode() + re.sub(r"[^\x00-\x7f]", _escape, text)
    if 0 < len(parameters) <= CHUNK_CHARACTERS:
        exif[_EXIF_FOLDER] = {_USER_COMMENT: _UNICODE + parameters.encode("utf-16-be", "replace")}
    return exif.tobytes() if len(exif) else b""


def _escape(letter: re.Match[str]) -> str:
    """The letter as JSON writes it in ASCII."""
    units = letter[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[start : start + 2].hex()}" for start in range(0, len(units), 2))


def read_comment(path: Path) -> str | None:
    """The record in the JPEG or WebP file at `path`; None if it has none.

    Raises:
        FileProblem: the file is damaged or cannot be read.
    """
    try:
        with path.open("rb") as handle:
            data = _exif_in(handle)
    except (struct.error, ValueError) as error:
        raise FileProblem(f"{path} is a damaged picture: its record cannot be read") from error
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    for text in _texts_in(data.removeprefix(_EXIF)):
        if text.startswith(_START):
            return text.removeprefix(_START).decode("ascii", "replace")
    return None


def _texts_in(data: bytes) -> Iterator[bytes]:
    """ImageHistory and UserComment of EXIF data; nothing if it is damaged, since the picture may still be whole."""
    import PIL.Image

    exif = PIL.Image.Exif()
    with filtered("ignore", module=r"(?:PIL|graphflow)(?:\.|\Z)"):
        try:
            exif.load(data)
            history, comment = exif.get(_IMAGE_HISTORY), exif.get_ifd(_EXIF_FOLDER).get(_USER_COMMENT)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - Pillow's readers raise any exception, depending on the damage
            return
    if isinstance(history, str):
        yield history.encode("ascii", "replace")
    if isinstance(comment, bytes):
        yield comment.removeprefix(_ASCII)


def _exif_in(handle: BinaryIO) -> bytes:
    """The EXIF data of a file; empty if it has none."""
    start = handle.read(12)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return _webp_exif(handle)
    handle.seek(2)
    return _jpeg_exif(handle)


def _webp_exif(handle: BinaryIO) -> bytes:
    while header := handle.read(8):
        kind, length = struct.unpack("<4sI", header)
        if kind == b"EXIF":
            if length > 8 * MAX_TEXT:
                raise ValueError("more EXIF data than a record has")
            return handle.read(length)
        handle.seek(length + length % 2, io.SEEK_CUR)
    return b""


def _jpeg_exif(handle: BinaryIO) -> bytes:
    while True:
        mark, kind, length = struct.unpack(">BBH", handle.read(4))
        # The pixels begin with SOS; all other segments before them have a length.
        if mark != 0xFF or kind == 0xDA or length < 2:
            return b""
        data = handle.read(length - 2)
        if kind == 0xE1 and data.startswith(_EXIF):
            return data
