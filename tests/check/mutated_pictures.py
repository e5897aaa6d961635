"""Small pictures of every format that is read, and damaged copies of them."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import PIL.Image
from PIL.PngImagePlugin import PngInfo

ORIENTATION = 0x0112
SIZE = (24, 16)


def exif(orientation: int) -> bytes:
    """An EXIF block that holds an orientation and nothing else."""
    block = PIL.Image.Exif()
    block[ORIENTATION] = orientation
    return block.tobytes()


def stored(picture: PIL.Image.Image, format_: str, **options: object) -> bytes:
    """The picture as a file of a format."""
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def behind_pixels(png: bytes, *chunks: bytes) -> bytes:
    """A PNG file with more chunks between its pixels and its end."""
    end = png.rindex(b"IEND") - 4
    return b"".join([png[:end], *chunks, png[end:]])


def samples() -> dict[str, bytes]:
    """Name → file: pictures of 24 × 16 pixels (16 × 24 where the orientation turns them)."""
    noise = PIL.Image.frombytes("RGB", SIZE, random.Random(1).randbytes(24 * 16 * 3))
    layer = noise.copy()
    layer.putalpha(noise.getchannel(0))
    text = PngInfo()
    text.add_itxt("Description", "two words", zip=True)
    palette = noise.convert("P", palette=PIL.Image.Palette.ADAPTIVE, colors=12)
    deep = PIL.Image.frombytes("I;16", SIZE, random.Random(2).randbytes(24 * 16 * 2))
    turned = exif(6)
    return {
        "rgb.png": stored(noise, "PNG", exif=turned, pnginfo=text),
        "rgba.png": stored(layer, "PNG", dpi=(72, 72)),
        "palette.png": stored(palette, "PNG", transparency=bytes(range(12))),
        "key.png": stored(noise.convert("L"), "PNG", transparency=7),
        "deep.png": stored(deep, "PNG"),
        "behind.png": behind_pixels(stored(noise, "PNG"), chunk(b"eXIf", turned.removeprefix(b"Exif\0\0"))),
        "moving.png": stored(layer, "PNG", save_all=True, append_images=[layer.rotate(90)], duration=20),
        "baseline.jpg": stored(noise, "JPEG", exif=turned),
        "progressive.jpg": stored(noise, "JPEG", progressive=True, dpi=(72, 72)),
        "ink.jpg": stored(noise.convert("CMYK"), "JPEG"),
        "lossy.webp": stored(noise, "WEBP", exif=turned),
        "lossless.webp": stored(layer, "WEBP", lossless=True),
        "rgb.bmp": stored(noise, "BMP"),
        "palette.bmp": stored(palette, "BMP"),
        "moving.gif": stored(palette, "GIF", save_all=True, append_images=[palette.rotate(90)], transparency=3),
        "plain.tif": stored(noise, "TIFF", exif=turned),
        "deflated.tif": stored(layer, "TIFF", compression="tiff_adobe_deflate"),
        "grey.tif": stored(deep, "TIFF", compression="tiff_lzw"),
    }


def mutations(file: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Damaged copies: bits flipped, bytes set, cut off, a piece lost, doubled or zeroed."""
    random_ = random.Random(seed)
    for _ in range(count):
        damaged = _damage(file, random_)
        yield _with_sums(damaged) if file.startswith(b"\x89PNG") and random_.random() < 0.6 else damaged


def _damage(file: bytes, random_: random.Random) -> bytes:
    # Most of what a reader can stumble over stands in the first bytes.
    reach = len(file) if random_.random() < 0.5 else min(len(file), 200)
    at, length = random_.randrange(reach), random_.randint(1, 12)
    kind = random_.randrange(6)
    if kind == 0:
        return file[:at]
    piece = {
        1: b"",
        2: file[at : at + length] * 2,
        3: bytes(length),
        4: random_.randbytes(length),
        5: bytes([file[at] ^ (1 << random_.randrange(8))]) + file[at + 1 : at + length],
    }[kind]
    return file[:at] + piece + file[at + length :]


def _with_sums(png: bytes) -> bytes:
    """The PNG with every chunk's checksum put right, so that the damage gets past it."""
    done, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        done += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(done)
