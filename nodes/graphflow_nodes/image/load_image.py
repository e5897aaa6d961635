"""load_image: a picture from a file, and its transparency as a mask."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from graphflow.catalog.authoring import Doc, Planned, node
from graphflow.errors import FileProblem
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.file import File
from graphflow.values.picture_files import read_picture
from graphflow.values.raster import Image, Mask


class LoadedImage(NamedTuple):
    """The result of load_image; both have the size of the file's picture."""

    image: Annotated[Image, Doc("The colours; transparent pixels have the colour stored in the file.")]
    alpha: Annotated[Mask, Doc("The alpha channel: white = opaque, black = transparent; all white if there is none.")]


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
    path: Annotated[File, Doc("A PNG, JPEG, WebP, BMP, GIF or TIFF file; the first frame of an animation.")],
) -> LoadedImage:
    """Read a picture, rotated upright by its EXIF orientation.

    `image` is (H, W, 3) RGB, equal to the result of diffusers' load_image. `alpha` is (H, W): strokes drawn on an
    empty layer are a mask already; if the part to repaint was *erased*, add `mask_invert`.

    Raises:
        FileProblem: the file is not a picture, is damaged, or has too many pixels.
    """
    import PIL.Image

    picture = read_picture(path.path)
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
    else:
        alpha = PIL.Image.new("L", picture.size, 255)
    return LoadedImage(Image.of(picture), Mask.of(alpha))
