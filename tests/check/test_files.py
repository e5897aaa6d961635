"""Values that name files: pictures, folders and patterns, and what is told where there is none."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from graphflow.check.checked import Checked
from graphflow.values.sources import Gather

Checks = Callable[..., Checked]
GRID = (
    "inputs: {{photos: {{type: list of image, default: {0}}}}}\nnodes: {{a: {{type: image_grid, images: $photos}}}}\n"
)


def pictures(checked: Checked) -> list[str]:
    """The files that the pictures of the last node come from."""
    assert checked.ok, checked.problems
    source = checked.nodes[-1].sources["images"]
    assert isinstance(source, Gather)
    return [checked.nodes[item.node].params["path"].path.name for item in source.items]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("photos", ["1.png", "2.png", "3.png"]),
        ("photos/", ["1.png", "2.png", "3.png"]),
        ("'photos/*.png'", ["1.png", "2.png", "3.png"]),
        ("'photos/[12].png'", ["1.png", "2.png"]),
        ("'**/2.png'", ["2.png"]),
        ("photo.png", ["photo.png"]),
        ("[photo.png, photos/3.png, photo.png]", ["photo.png", "photos/3.png", "photo.png"]),
        ("[]", []),
    ],
)
def test_list_of_pictures_is_a_folder_a_pattern_or_a_list(written: str, names: list[str], checked: Checks) -> None:
    if names:
        assert pictures(checked(GRID.format(written))) == [Path(name).name for name in names]
    else:
        assert [one.code for one in checked(GRID.format(written)).problems] == ["node"]


def test_folder_gives_pictures_only_in_the_order_of_their_names(folder: Path, checked: Checks) -> None:
    (folder / "photos" / "notes.txt").write_text("no picture")
    (folder / "photos" / "0.JPG").write_bytes((folder / "photo.png").read_bytes())
    assert pictures(checked(GRID.format("photos"))) == ["0.JPG", "1.png", "2.png", "3.png"]


@pytest.mark.parametrize("written", ["photos", "'photos/*.png'"])
def test_numbered_pictures_are_in_the_order_of_their_numbers(written: str, folder: Path, checked: Checks) -> None:
    for name in ("10.png", "B2.png", "a10.png", "a9.png", "b10.png", "٣.png"):
        (folder / "photos" / name).write_bytes((folder / "photo.png").read_bytes())
    expected = ["1.png", "2.png", "3.png", "10.png", "a9.png", "a10.png", "B2.png", "b10.png", "٣.png"]
    assert pictures(checked(GRID.format(written))) == expected


def test_hidden_files_of_a_folder_are_left_out(folder: Path, checked: Checks) -> None:
    (folder / "photos" / "._1.png").write_bytes(b"what some systems write beside a picture")
    assert pictures(checked(GRID.format("photos"))) == ["1.png", "2.png", "3.png"]


@pytest.mark.parametrize("files", [(), ("notes.txt", ".hidden.png")])
def test_folder_without_pictures_is_a_problem(files: tuple[str, ...], folder: Path, checked: Checks) -> None:
    (folder / "empty").mkdir()
    for name in files:
        (folder / "empty" / name).write_text("no picture")
    (problem,) = checked(GRID.format("empty")).problems
    assert (problem.code, problem.message) == ("file-missing", "the input photos: the folder empty contains no image")
    assert "does not begin with a dot" in problem.why


def test_file_in_a_folder_that_is_named_like_a_picture_but_is_none_is_a_problem(folder: Path, checked: Checks) -> None:
    (folder / "photos" / "2b.png").write_text("no picture")
    (problem,) = checked(GRID.format("photos")).problems
    assert (problem.code, problem.place.line) == ("file-unreadable", 2)
    assert "photos/2b.png" in problem.message


def test_folder_of_a_call_starts_in_the_current_folder_and_is_counted_by_the_plan(
    folder: Path, checked: Checks
) -> None:
    (folder / "elsewhere").mkdir()
    text = "inputs: {photos: {type: list of image}}\nnodes: {a: {type: image_grid, images: $photos}}\n"
    for given in ("photos", Path("photos"), "photos/*.png", folder / "photos"):
        assert pictures(checked(text, photos=given)) == ["1.png", "2.png", "3.png"]
    (problem,) = checked(text, photos="elsewhere").problems
    assert (problem.code, problem.why) == ("bad-value", "the folder elsewhere contains no image")


def test_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path, checked: Checks) -> None:
    (folder / "photos" / "a[1].png").write_bytes((folder / "photo.png").read_bytes())
    assert pictures(checked(GRID.format("'photos/a[1].png'"))) == ["a[1].png"]


def test_one_picture_named_twice_is_read_once(checked: Checks) -> None:
    found = checked("nodes: {a: {type: overlay, image: photo.png, mask: mask.png, generated: photo.png}}")
    assert [node.path for node in found.nodes] == ["image:photo.png", "mask:mask.png", "a"]


def test_sizes_are_known_from_headers(checked: Checks) -> None:
    found = checked("nodes: {a: {type: mask_blur, mask: photo.png}}")
    assert found.nodes[-1].facts["mask"].size == (8, 6)


@pytest.mark.parametrize(
    ("written", "code", "fix"),
    [
        ("foto.png", "file-missing", "did you mean photo.png?"),
        ("./foto.png", "file-missing", "did you mean photo.png?"),
        ("photo/1.png", "file-missing", "did you mean photos/1.png?"),
        ("photos/4.jpeg", "file-missing", "write the path of an existing file"),
        ("photos", "file-missing", "name a file in it: photos/NAME"),
        ("a/b/c.png", "file-missing", "write the path of an existing file"),
        ("~nobody-here/x.png", "file-missing", "write the folder's full path"),
        ('"a\\0b.png"', "file-missing", "write the file's name"),
        ("x" * 300, "file-missing", "write the path of a file that exists and is readable"),
        ("g.yaml", "file-unreadable", "use a PNG, JPEG, WebP, BMP, GIF or TIFF file"),
        ("cut.png", "file-unreadable", "use a PNG, JPEG, WebP, BMP, GIF or TIFF file"),
        ("huge.png", "picture-too-large", "make it smaller"),
    ],
)
def test_picture_that_cannot_be_had_is_told_with_a_fix(
    written: str, code: str, fix: str, folder: Path, checked: Checks
) -> None:
    (folder / "cut.png").write_bytes((folder / "photo.png").read_bytes()[:12])
    PIL.Image.new("1", (20000, 6000)).save(folder / "huge.png")
    for key in (f"{{type: mask_blur, mask: {written}}}", f"{{type: load_image, path: {written}}}"):
        (problem,) = checked(f"nodes: {{a: {key}}}").problems
        assert (problem.code, problem.fix) == (code, fix)


def test_files_of_python_values_start_in_the_current_folder(folder: Path, checked: Checks) -> None:
    text = "inputs: {photo: {type: image}}\nnodes: {a: {type: mask_blur, mask: $photo}}\n"
    assert checked(text, photo="photos/1.png").ok
    (problem,) = checked(text, photo="photos/7.bmp").problems
    assert (problem.code, str(problem.place)) == ("bad-value", "input photo")
