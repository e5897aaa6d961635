"""pad: extend a picture or a mask at its edges, with a mask of the new pixels."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.planning.colors import color_faults
from graphflow_nodes.planning.pixel_limit import too_large

T = TypeVar("T", Image, Mask)


class Padded(NamedTuple, Generic[T]):
    """The result of pad; both have the larger size."""

    image: Annotated[T, Doc("The padded picture or mask.")]
    mask: Annotated[Mask, Doc("White for new pixels, black for the old picture: the mask for outpainting.")]


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    problems = color_faults(params["color"]) if params["color"] is not None else ()
    picture = facts["image"]
    width = None if picture.width is None else picture.width + params["left"] + params["right"]
    height = None if picture.height is None else picture.height + params["top"] + params["bottom"]
    if width is not None and height is not None:
        problems += too_large(width, height)
    outputs = {"image": picture.resized(width, height), "mask": Facts(width, height)}
    return Planned(outputs, problems=problems)


@node(plan=_plan)
def pad(
    image: Annotated[T, Doc("A picture or a mask.")],
    *,
    left: Annotated[int, Ge(0), Doc("Pixels added on the left.")] = 0,
    top: Annotated[int, Ge(0), Doc("Pixels added at the top.")] = 0,
    right: Annotated[int, Ge(0), Doc("Pixels added on the right.")] = 0,
    bottom: Annotated[int, Ge(0), Doc("Pixels added at the bottom.")] = 0,
    color: Annotated[
        str | None, Doc("Fills the new pixels, such as white or #ff8800; by default, the edge pixels are repeated.")
    ] = None,
) -> Padded[T]:
    """Add pixels around a picture, so that a model can paint beyond its old edges.

    `image` is the larger picture or mask; `mask` has the same size and is for `inpaint` (a little `mask_grow` before
    it lets the model blend over the old edge).
    """
    import numpy as np
    import PIL.Image

    size = (image.width + left + right, image.height + top + bottom)
    if color is None:
        borders = ((top, bottom), (left, right), (0, 0))[: image.array.ndim]
        padded = type(image).of(np.pad(image.array, borders, mode="edge"))
    else:
        canvas = PIL.Image.new(image.mode, size, color)
        canvas.paste(image.pil(), (left, top))
        padded = type(image).of(canvas)
    new = PIL.Image.new("L", size, 255)
    new.paste(0, (left, top, left + image.width, top + image.height))
    return Padded(padded, Mask.of(new))
