"""The record in a PNG file: whatever its length, whatever the file."""

import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from graphflow.errors import FileProblem
from graphflow.record import png
from graphflow.record.png import MAX_TEXT, encode_png, read_text
from graphflow.values.raster import Image

PICTURE = Image(bytes(range(12)), 2, 2)


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a.png"
    path.write_bytes(content)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with(chunk: bytes) -> bytes:
    content = encode_png(PICTURE, None)
    return content[:33] + chunk + content[33:]


@pytest.mark.parametrize("length", [1, 1000, 199_999, 200_000, 200_001, 3_000_000])
def test_a_text_of_any_length_comes_back_and_pillow_opens_the_picture(tmp_path: Path, length: int) -> None:
    text = ('é{"x": 1} ' * (length // 9 + 1))[:length]
    path = _file(tmp_path, encode_png(PICTURE, text))
    assert read_text(path) == text
    with PIL.Image.open(path) as picture:
        picture.load()
        assert Image.of(picture) == PICTURE
        assert picture.info["graphflow"] == text[:200_000]


def test_a_text_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    assert read_text(_file(tmp_path, encode_png(PICTURE, "x" * (MAX_TEXT + 1)))) is None
    assert encode_png(PICTURE, None) == encode_png(PICTURE, "x" * (MAX_TEXT + 1))


def test_text_of_other_programs_is_not_ours(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_itxt("graphflow-notes", "mine")
    info.add_text("graphflow", "a tEXt chunk")
    buffer = io.BytesIO()
    PICTURE.pil().save(buffer, "PNG", pnginfo=info)
    assert read_text(_file(tmp_path, buffer.getvalue())) is None


def test_an_uncompressed_chunk_is_read(tmp_path: Path) -> None:
    assert read_text(_file(tmp_path, _with(_chunk(b"iTXt", b"graphflow\0\0\0en\0\0{}")))) == "{}"


@pytest.mark.parametrize(
    "chunk",
    [
        _chunk(b"iTXt", b"graphflow\0\1\0\0\0" + zlib.compress(b"0" * (MAX_TEXT + 1))),
        _chunk(b"iTXt", b"graphflow\0\1\0\0\0no zlib"),
        _chunk(b"iTXt", b"graphflow\0\1\7\0\0x"),
        _chunk(b"iTXt", b"graphflow\0\0\0\0\0\xff"),
        _chunk(b"iTXt", b"graphflow\0"),
        _chunk(b"iTXt", b"graphflow-2\0\0\0\0\0second without a first"),
        _chunk(b"iTXt", b"graphflow\0\0\0\0\0x")[:-1] + b"?",
    ],
    ids=["bomb", "no zlib", "method", "no utf-8", "short", "part missing", "checksum"],
)
def test_a_damaged_record_is_told(tmp_path: Path, chunk: bytes) -> None:
    with pytest.raises(FileProblem, match="damaged"):
        read_text(_file(tmp_path, _with(chunk)))


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    content = encode_png(PICTURE, "x")
    for length in (8, 12, 40, len(content) - 12):
        with pytest.raises(FileProblem, match="damaged"):
            read_text(_file(tmp_path, content[:length]))


def test_a_chunk_stays_below_what_pillow_reads() -> None:
    from PIL import PngImagePlugin

    assert png.CHUNK_CHARACTERS * 4 < PngImagePlugin.MAX_TEXT_CHUNK
    assert MAX_TEXT < PngImagePlugin.MAX_TEXT_MEMORY
