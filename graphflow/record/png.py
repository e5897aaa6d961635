"""PNG files that contain a record: written with Pillow, read without decoding pixels.

The record is stored in `iTXt` chunks. Pillow refuses to open a picture with a chunk of more than 1 MiB of text,
so a long record is split into chunks: `graphflow`, `graphflow-2`, `graphflow-3`, … The chunk `parameters` has the text
that A1111 and others read.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from graphflow.errors import FileProblem
from graphflow.values.raster import Raster

KEYWORD = "graphflow"
CHUNK_CHARACTERS = 200_000
"""Characters of text per chunk; in UTF-8 at most four times as many bytes."""

MAX_TEXT = 16 * 2**20
"""Bytes of a record; a longer one is neither written into pictures nor read from them. Pillow opens up to 64 MiB."""

PARAMETERS = "parameters"
"""The keyword of the text that other programs read."""

_START = b"\x89PNG\r\n\x1a\n"
_NAMES = re.compile(rb"graphflow(?:-([1-9][0-9]{0,4}))?\Z")


def encode_png(picture: Raster, text: str | None, parameters: str = "") -> bytes:
    """The picture as a PNG file that contains `text`, unless it is None or longer than `MAX_TEXT` bytes.

    Args:
        picture: any picture.
        text: the record.
        parameters: a text for other programs; left out if it is empty or has more than `CHUNK_CHARACTERS`.
    """
    from PIL.PngImagePlugin import PngInfo

    buffer = io.BytesIO()
    info = PngInfo()
    if text is not None and len(text.encode()) <= MAX_TEXT:
        for number, start in enumerate(range(0, len(text), CHUNK_CHARACTERS), 1):
            keyword = KEYWORD if number == 1 else f"{KEYWORD}-{number}"
            info.add_itxt(keyword, text[start : start + CHUNK_CHARACTERS], zip=True)
    if 0 < len(parameters) <= CHUNK_CHARACTERS:
        # Latin-1 if that is enough, else UTF-8, as A1111 itself writes it.
        info.add_text(PARAMETERS, parameters)
    picture.pil().save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def read_text(path: Path) -> str | None:
    """The text in the PNG file at `path`; None if it has none.

    Raises:
        FileProblem: the file is damaged, or the text is longer than `MAX_TEXT`.
    """
    try:
        with path.open("rb") as handle:
            parts = _parts(handle)
        return b"".join(parts[number] for number in range(1, len(parts) + 1)).decode() if parts else None
    except (struct.error, zlib.error, ValueError, KeyError) as error:
        raise FileProblem(f"{path} is a damaged picture: its record cannot be read") from error
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error


def _parts(handle: BinaryIO) -> dict[int, bytes]:
    """Number → text of each of our chunks."""
    if handle.read(len(_START)) != _START:
        raise ValueError("not a PNG")
    parts: dict[int, bytes] = {}
    room = MAX_TEXT
    while True:
        length, kind = struct.unpack(">I4s", handle.read(8))
        if kind == b"IEND":
            return parts
        if kind == b"iTXt" and length <= MAX_TEXT:
            data = handle.read(length)
            if zlib.crc32(kind + data) != struct.unpack(">I", handle.read(4))[0]:
                raise ValueError("a chunk's checksum is wrong")
            keyword, _, rest = data.partition(b"\0")
            name = _NAMES.match(keyword)
            if name is not None:
                part = _text(rest, room)
                parts[int(name[1] or 1)] = part
                room -= len(part)
        else:
            handle.seek(length + 4, io.SEEK_CUR)


def _text(rest: bytes, room: int) -> bytes:
    """The text of an iTXt chunk; behind the keyword are flag, method, language, translated keyword and text."""
    head, fields = rest[:2], rest[2:].split(b"\0", 2)
    if len(head) < 2 or len(fields) < 3:
        raise ValueError("the chunk is too short")
    flag, method = head
    body = fields[2]
    if flag:
        if method != 0:
            raise ValueError("the chunk's compression is not known")
        # One more byte than allowed, to distinguish a text that is too long from one that just fits.
        body = zlib.decompressobj().decompress(body, room + 1)
    if len(body) > room:
        raise ValueError(f"more than {MAX_TEXT} bytes")
    return body
