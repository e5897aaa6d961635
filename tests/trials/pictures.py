"""Broken pictures: what `check` says of one is what the run decodes, or both say what is wrong with it."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
from PIL.ExifTags import Base

import graphflow as gf
from tests.trials import trial
from tests.trials.trial import Outcome, chance, is_clear, signature, unshowable

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_MODES = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "BMP": ("RGB", "L", "1"),
    "TIFF": ("RGB", "RGBA", "L", "F", "I;16", "CMYK"),
}
_OTHERS = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "xpm": b'/* XPM */\nstatic char *x[] = {\n"2 1 1 1",\n"a c #ffffff",\n"aa"};\n',
    "ppm": b"P6\n2 2\n255\n" + bytes(12),
    "empty": b"",
    "text": b"graphflow: 1\n",
}


class Pictures:
    """Pictures of six formats and many modes with EXIF of all kinds, and what is left of them."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder

    def start(self) -> None:
        """Nothing is needed."""

    def kind(self, number: int) -> str:
        return (*FORMATS, "another format")[number % (len(FORMATS) + 1)]

    def attempt(self, number: int) -> Outcome:
        one, kind = chance(self.seed, number), self.kind(number)
        content = broken(one, kind) if kind in FORMATS else one.choice(list(_OTHERS.values()))
        ending = kind.lower() if kind in FORMATS else one.choice(("png", "jpg", "tiff"))
        path = self.folder / f"{number}.{ending}"
        path.write_bytes(content)
        try:
            return self._used(kind, path)
        finally:
            path.unlink()

    def _used(self, kind: str, path: Path) -> Outcome:
        graph = gf.Graph()
        photo = graph.add("load_image", id="photo", path=str(path))
        graph.output(image=photo.image, alpha=photo.alpha)
        checked = graph.check()
        if not checked.ok:
            screen = "\n".join(map(str, checked.problems))
            fault = "an odd character on the screen" if unshowable(screen) else _blames_the_path(screen)
            return Outcome(kind, "told by check", fault, screen)
        facts = checked.nodes[0].facts
        try:
            result = gf.run(graph)
        except gf.RunFailed as failed:
            (error,) = failed.result.failed.values()
            clear = error.__cause__ is None or is_clear(error.__cause__)
            return Outcome(
                kind, "told by the run", "" if clear else f"unclear: {signature(error.__cause__)}", str(error)
            )
        for name, value in result.outputs.items():
            if (facts[name].width, facts[name].height) != value.size:
                shown = f"check says {facts[name].width} × {facts[name].height}, the run makes {value.size}"
                return Outcome(kind, "", "check and run differ in the size", shown)
        return Outcome(kind, "ran")


def _blames_the_path(screen: str) -> str:
    """A fault where a picture that is there is said to be nowhere, or to be wrong for no reason."""
    if "None" in screen or "does not exist" in screen or "cannot be found" in screen:
        return "a picture that is there is not found"
    return ""


def broken(one: random.Random, kind: str) -> bytes:
    """A picture of the format with some of its bytes, chunks or EXIF entries changed."""
    content = _drawn(one, kind)
    for _ in range(one.choice((0, 1, 1, 2))):
        content = one.choice((*_ANY, *_OF.get(kind, ())))(content, one)
    return content


def _drawn(one: random.Random, kind: str) -> bytes:
    width, height = one.randint(1, 40), one.randint(1, 40)
    pixels = np.random.default_rng(one.randrange(2**32)).integers(0, 256, (height, width, 4), np.uint8)
    picture, mode = PIL.Image.fromarray(pixels), one.choice(_MODES[kind])
    if mode == "I;16":
        picture = PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
    else:
        picture = picture.convert("RGB").convert(mode) if mode in ("P", "1", "CMYK") else picture.convert(mode)
    options = {"exif": _exif(one)} if kind in ("PNG", "JPEG", "WEBP", "TIFF") and one.random() < 0.6 else {}
    if kind in ("GIF", "WEBP", "PNG") and one.random() < 0.2 and mode != "I;16":
        options |= {"save_all": True, "append_images": [picture.rotate(90, expand=one.random() < 0.5)]}
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind, **options)
    except (
        ValueError,
        OSError,
        TypeError,
        RuntimeError,
        SyntaxError,
        struct.error,
    ):  # Pillow itself refuses to write some entries of EXIF
        buffer = io.BytesIO()
        picture.save(buffer, kind)
    return buffer.getvalue()


def _exif(one: random.Random) -> bytes:
    """EXIF with an orientation of any number or type, and some of its bytes changed."""
    exif = PIL.Image.Exif()
    exif[Base.Orientation] = one.choice((*range(10), 6, 8, 255, 65535))
    if one.random() < 0.3:
        exif[Base.Software], exif[Base.XResolution] = "x" * one.randrange(99), 72.0
    content = exif.tobytes()
    if one.random() < 0.5:
        return content
    # Type and count of the first entry (the orientation), then its value: text, rational, two numbers, beyond the end.
    at = content.index(struct.pack("<H", Base.Orientation)) if struct.pack("<H", Base.Orientation) in content else 12
    entry = struct.pack(
        "<HHII", Base.Orientation, one.randrange(14), one.choice((0, 1, 2, 9, 2**31)), one.choice((6, 9, 38, 2**31))
    )
    content = content[:at] + entry + content[at + 12 :]
    return _flipped(content, one) if one.random() < 0.5 else content


def _flipped(content: bytes, one: random.Random) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(one.choice((1, 2, 8))):
        changed[one.randrange(len(changed))] = one.choice((0, 1, 127, 255, one.randrange(256)))
    return bytes(changed)


def _flipped_head(content: bytes, one: random.Random) -> bytes:
    return _flipped(content[:64], one) + content[64:]


def _cut(content: bytes, one: random.Random) -> bytes:
    return content[: one.randrange(len(content) + 1)]


def _doubled(content: bytes, one: random.Random) -> bytes:
    first, second = sorted(one.randrange(len(content) + 1) for _ in range(2))
    return one.choice((content[:second] + content[first:], content[:first] + content[second:], content + content))


def _chunks(content: bytes, one: random.Random) -> bytes:
    """PNG chunks removed, doubled, moved or changed, each with its right checksum."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return content
    place, way = one.randrange(len(chunks)), one.randrange(6)
    name, data = chunks[place]
    if way == 0:
        del chunks[place]
    elif way == 1:
        chunks.insert(one.randrange(len(chunks) + 1), (name, data))
    elif way == 2:
        chunks[place] = (name, _flipped(data, one))
    elif way == 3:
        chunks[0] = (
            b"IHDR",
            struct.pack(">II", *(one.choice((0, 1, 9, 10**4, 2**31 - 1)) for _ in "wh")) + chunks[0][1][8:],
        )
    elif way == 4:
        chunks.insert(
            1, one.choice(((b"eXIf", _exif(one)), (b"iCCP", b"x\0\0y"), (b"zTXt", b"a\0\0b"), (b"acTL", bytes(8))))
        )
    else:
        chunks.insert(1, (b"tEXt", b"Raw profile type exif\0\nexif\n  4\n" + one.choice((b"45786966", b"zz", b""))))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return content[:8] + body


def _segments(content: bytes, one: random.Random) -> bytes:
    """A JPEG segment after the start: EXIF, an empty one, a wrong length, a second frame header."""
    exif = _exif(one)
    exif = exif if exif.startswith(b"Exif") else b"Exif\0\0" + exif
    segment = one.choice(
        (
            b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif,
            b"\xff\xe1\0\x02",
            b"\xff\xe1\0\x0cExif\0\0MM\0*",
            b"\xff\xe2" + struct.pack(">H", one.randrange(65536)) + b"ICC_PROFILE\0",
            b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", one.randrange(65536), one.randrange(65536)) + b"\x01\x01\x11\0",
        )
    )
    return content[:2] + segment + content[2:]


_ANY: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flipped, _flipped_head, _flipped_head, _cut, _doubled)
_OF = {"PNG": (_chunks,) * 5, "JPEG": (_segments,) * 4}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    raise SystemExit(trial.main("pictures", Pictures, count=4000))
