"""load_image: a picture from a file, and its transparency as a mask."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from graphflow.catalog.authoring import Doc, Planned, node
from graphflow.errors import FileProblem
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.picture_files import read_picture
from graphflow.values.value import File, Image, Mask


class LoadedImage(NamedTuple):
    """What load_image gives; both have the size of the file's picture."""

    image: Annotated[Image, Doc("The colours; transparent pixels show the colour that is stored under them.")]
    alpha: Annotated[Mask, Doc("The alpha channel: white = opaque, black = transparent; white without one.")]


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    file: File = params["path"]
    try:
        width, height = file.picture_size
    except FileProblem as error:
        return Planned(problems=(Fault(error.message, error.why, error.fix, about="path", code=error.code),))
    image = Facts(width, height, content=lambda: load_image(path=file).image)
    alpha = Facts(width, height, content=lambda: load_image(path=file).alpha)
    return Planned(outputs={"image": image, "alpha": alpha})


@node(plan=_plan)
def load_image(
    *,
    path: Annotated[File, Doc("A PNG, JPEG, WebP, BMP, GIF or TIFF file; of an animation the first frame.")],
) -> LoadedImage:
    """Read a picture, upright as its EXIF orientation says.

    `image` is (H, W, 3) RGB, equal to what diffusers' load_image gives. `alpha` is (H, W): drawn strokes on an
    empty layer are a mask as they are; where the part to repaint was *erased*, follow with `mask_invert`.

    Raises:
        FileProblem: the file is no picture, is damaged, or has too many pixels.
    """
    import PIL.Image

    picture = read_picture(path.path)
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
    else:
        alpha = PIL.Image.new("L", picture.size, 255)
    return LoadedImage(Image.of(picture), Mask.of(alpha))
