"""Picture files: what check reads of them is what a run decodes, and no damage is told by an error of a library."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.EpsImagePlugin
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps
import pytest

from graphflow.check.checked import Checked
from graphflow.check.expand.picture_nodes import read_mask
from graphflow.errors import FileProblem
from graphflow.values.file import File
from graphflow.values.raster import Image
from graphflow_nodes.image.load_image import load_image
from tests.check.mutated_pictures import (
    ORIENTATION,
    SIZE,
    behind_pixels,
    chunk,
    exif,
    mutations,
    samples,
    stored,
)

Checks = Callable[..., Checked]
SAMPLES = samples()


def told(error: FileProblem) -> None:
    """A refusal gives its reason and what to do."""
    assert error.fix, str(error)
    assert error.code == "picture-too-large" or error.why not in ("", "None"), str(error)


def header(path: Path) -> tuple[int, int] | None:
    """The size that check says; None where it refuses the file, with a reason and a fix."""
    try:
        return File(path).picture_size
    except FileProblem as error:
        told(error)
        return None


def decoded(path: Path) -> Image | None:
    """What a run gets; None where it refuses the file."""
    try:
        read_mask(path=File(path))
        return load_image(path=File(path)).image
    except FileProblem as error:
        told(error)
        return None


def grey(**options: object) -> bytes:
    return stored(PIL.Image.new("L", SIZE), "PNG", **options)


@pytest.mark.parametrize("name", SAMPLES)
def test_size_that_check_says_is_the_size_that_a_run_decodes(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(SAMPLES[name])
    image = decoded(path)
    assert image is not None
    assert header(path) == image.size


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_picture_is_refused_in_words_or_decoded_in_the_size_that_check_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    ends = {"refused": 0, "decoded": 0, "damaged inside": 0}
    for damaged in mutations(SAMPLES[name], 60, seed=27):
        path.write_bytes(damaged)
        size, image = header(path), decoded(path)
        if size is None:
            assert image is None
            ends["refused"] += 1
        elif image is None:
            ends["damaged inside"] += 1
        else:
            assert image.size == size
            ends["decoded"] += 1
    assert ends["refused"], ends


@pytest.mark.parametrize("name", SAMPLES)
def test_reading_a_header_decodes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    path = tmp_path / name
    path.write_bytes(SAMPLES[name])
    monkeypatch.setattr(PIL.ImageFile.ImageFile, "load", refuse)
    assert sorted(header(path) or ()) == sorted(SIZE)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpeg", "webp", "tiff"])
def test_picture_is_turned_as_pillow_turns_it(orientation: int, ending: str, tmp_path: Path) -> None:
    pixels = np.arange(24 * 16 * 3, dtype=np.uint32).reshape(16, 24, 3).astype(np.uint8)
    path = tmp_path / f"turned.{ending}"
    path.write_bytes(stored(PIL.Image.fromarray(pixels), ending.upper(), exif=exif(orientation)))
    theirs = PIL.ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB")
    assert header(path) == theirs.size
    assert decoded(path) == Image.of(theirs)


def test_orientation_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    path.write_bytes(SAMPLES["behind.png"])
    assert header(path) == SIZE[::-1]
    with PIL.Image.open(path) as opened:
        assert decoded(path) == Image.of(PIL.ImageOps.exif_transpose(opened))


@pytest.mark.parametrize(
    ("kind", "count", "value"),
    [(3, 1, b"\0\0\0\0"), (3, 1, b"\0\t\0\0"), (4, 1, b"\0\1\0\6"), (2, 3, b"up\0\0")],
    ids=["0", "9", "65542", "text"],
)
def test_senseless_orientation_turns_nothing(kind: int, count: int, value: bytes, tmp_path: Path) -> None:
    entry = struct.pack(">HHHI", 1, ORIENTATION, kind, count) + value
    path = tmp_path / "photo.png"
    path.write_bytes(grey(exif=b"Exif\0\0MM\0*\0\0\0\x08" + entry + bytes(4)))
    image = decoded(path)
    assert image is not None
    assert header(path) == image.size == SIZE


@pytest.mark.parametrize("block", [b"", b"no exif at all", b"MM\0*\0\0\0\x08\xff\xff"])
def test_broken_metadata_makes_no_picture_unreadable(block: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    for content in (behind_pixels(grey(), chunk(b"eXIf", block)), grey(exif=b"Exif\0\0" + block)):
        path.write_bytes(content)
        image = decoded(path)
        assert image is not None
        assert header(path) == image.size == SIZE


@pytest.mark.parametrize("name", ["rgba.png", "baseline.jpg", "progressive.jpg", "rgb.bmp", "plain.tif"])
def test_picture_that_is_cut_off_says_so(name: str, folder: Path, checked: Checks) -> None:
    for kept in (0.6, 0.97):
        (folder / "photo.png").write_bytes(SAMPLES[name][: int(len(SAMPLES[name]) * kept)])
        (problem,) = checked("nodes: {a: {type: mask_blur, mask: photo.png}}").problems
        assert (problem.code, problem.message) == (
            "file-unreadable",
            "a.mask: photo.png is not a readable picture",
        )
        assert problem.why.startswith("it is cut off")


def test_damaged_pixels_of_a_png_are_told_by_check(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    at = SAMPLES["rgba.png"].index(b"IDAT") + 40
    path.write_bytes(SAMPLES["rgba.png"][:at] + b"\0\0\0" + SAMPLES["rgba.png"][at + 3 :])
    with pytest.raises(FileProblem, match="its pixels are damaged"):
        _ = File(path).picture_size


def test_no_picture_reaches_a_program_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *given, **_: called.append(given))
    path = tmp_path / "photo.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
    assert header(path) is None
    assert decoded(path) is None
    assert not called


@pytest.mark.parametrize("format_", ["PPM", "TGA", "ICO", "PCX", "SGI", "DDS"])
def test_other_formats_of_pillow_are_refused_by_their_content(format_: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(stored(PIL.Image.new("RGB", SIZE), format_))
    with pytest.raises(FileProblem, match="PNG, JPEG, WebP, BMP, GIF, TIFF"):
        _ = File(path).picture_size


def test_colours_that_no_run_could_convert_are_told_by_check(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    for picture, why in ((PIL.Image.new("LAB", SIZE), "its colours are LAB"), (PIL.Image.new("F", SIZE), "32 bits")):
        path.write_bytes(stored(picture, "TIFF"))
        with pytest.raises(FileProblem, match=why):
            _ = File(path).picture_size


def test_empty_file_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"")
    with pytest.raises(FileProblem, match="it is empty"):
        _ = File(path).picture_size


def test_pictures_below_the_limit_of_pixels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(stored(PIL.Image.new("1", (10000, 9999)), "PNG"))
    assert header(path) == (10000, 9999)
    path.write_bytes(stored(PIL.Image.new("1", (10000, 10001)), "PNG"))
    with pytest.raises(FileProblem, match="more than 100,000,000"):
        _ = File(path).picture_size


def test_stored_picture_keeps_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(SAMPLES["rgb.png"])
    with PIL.Image.open(io.BytesIO(SAMPLES["rgb.png"])) as opened:
        upright = PIL.ImageOps.exif_transpose(opened)
    assert decoded(path) == Image.of(upright)
