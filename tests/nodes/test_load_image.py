import PIL.Image
import pytest

from graphflow.errors import FileProblem
from graphflow.values.facts import Facts
from graphflow.values.file import File
from graphflow.values.raster import Image, Mask
from graphflow_nodes.image.load_image import load_image


@pytest.fixture
def stored(tmp_path):
    def store(picture: PIL.Image.Image, name: str = "picture.png", **options) -> File:
        picture.save(tmp_path / name, **options)
        return File(tmp_path / name)

    return store


def test_picture_without_transparency_is_opaque_everywhere(stored, picture):
    image, alpha = load_image(path=stored(picture(5, 3).pil()))
    assert image == picture(5, 3)
    assert alpha == Mask(b"\xff" * 15, 5, 3)


def test_alpha_channel_is_the_mask_as_it_is(stored, picture, mask):
    layer = picture(5, 3).pil()
    layer.putalpha(mask(5, 3).pil())
    image, alpha = load_image(path=stored(layer))
    assert (image, alpha) == (picture(5, 3), mask(5, 3))


def test_transparent_palette_entry_becomes_black_alpha(stored):
    layer = PIL.Image.new("P", (2, 1))
    layer.putpalette([255, 0, 0, 0, 0, 255])
    layer.putpixel((1, 0), 1)
    image, alpha = load_image(path=stored(layer, transparency=0))
    assert (image.pixels, alpha.pixels) == (b"\xff\0\0\0\0\xff", b"\0\xff")


def test_picture_is_turned_upright_and_planned_so(stored, planned):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    file = stored(PIL.Image.new("RGB", (6, 4)), "turned.jpg", exif=exif)
    assert load_image(path=file).image.size == (4, 6)
    assert planned(load_image, path=file).outputs == {"image": Facts(4, 6), "alpha": Facts(4, 6)}


def test_image_equals_that_of_diffusers(stored, picture, mask):
    from diffusers.utils import load_image as theirs

    layer = picture(7, 4).pil()
    layer.putalpha(mask(7, 4).pil())
    file = stored(layer)
    assert load_image(path=file).image == Image.of(theirs(str(file.path)))


def test_file_that_is_no_picture_is_refused_before_the_run(tmp_path, refused):
    (tmp_path / "notes.png").write_text("no picture")
    file = File(tmp_path / "notes.png")
    assert "file-unreadable path" in refused(load_image, path=file)
    with pytest.raises(FileProblem, match="not a readable picture"):
        load_image(path=file)
