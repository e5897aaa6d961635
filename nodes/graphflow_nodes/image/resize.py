"""resize: scale a picture or a mask."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.planning.pixel_limit import too_large

T = TypeVar("T", Image, Mask)


def _target(
    source: tuple[int, int] | None, width: int | None, height: int | None, fit: str, multiple_of: int
) -> tuple[int, int] | None:
    """The size of the result; None if it depends on a source that is not known yet."""
    if width and height and fit != "contain":
        size = (width, height)
    elif source is None:
        return None
    else:
        # Exact fractions, so that the limiting side gets exactly the requested length, whatever the ratio.
        limits = ((width, source[0]), (height, source[1]))
        factor = min((Fraction(limit, side) for limit, side in limits if limit), default=Fraction(1))
        size = (round(source[0] * factor), round(source[1] * factor))
    return max(multiple_of, size[0] - size[0] % multiple_of), max(multiple_of, size[1] - size[1] % multiple_of)


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    width, height = params["width"], params["height"]
    sides = width is not None or height is not None
    if "like" in facts:
        if sides:
            fault = Fault(
                "the size is given twice, by like and by width or height", fix="give one of them", about="like"
            )
            return Planned(problems=(fault,))
        width, height = facts["like"].size or (None, None)
        if width is None:
            return Planned(outputs={"image": facts["image"].resized(None, None)})
    elif not sides and params["multiple_of"] == 1:
        return Planned(problems=(Fault("no size is given", fix="give width, height, multiple_of or like"),))
    size = _target(facts["image"].size, width, height, params["fit"], params["multiple_of"]) or (None, None)
    problems = too_large(*size) if size[0] and size[1] else ()
    return Planned({"image": facts["image"].resized(*size)}, problems=problems)


@node(plan=_plan)
def resize(
    image: Annotated[T, Doc("A picture or a mask.")],
    like: Annotated[Image | Mask | None, Doc("Use this picture's size instead of width and height.")] = None,
    *,
    width: Annotated[int | None, Ge(1), Doc("Pixels; by default from height, keeping the aspect ratio.")] = None,
    height: Annotated[int | None, Ge(1), Doc("Pixels; by default from width, keeping the aspect ratio.")] = None,
    fit: Annotated[
        Literal["stretch", "cover", "contain"],
        Doc(
            "If both sides are given: stretch changes the aspect ratio; cover fills the size and crops both sides "
            "equally; contain is the largest picture of the same aspect ratio that fits."
        ),
    ] = "stretch",
    resample: Annotated[
        Literal["lanczos", "bicubic", "bilinear", "hamming", "box", "nearest"],
        Doc("Pillow's filter; nearest adds no grey edges to a mask."),
    ] = "lanczos",
    multiple_of: Annotated[int, Ge(1), Doc("Both sides are rounded down to a multiple of this, but not to 0.")] = 1,
) -> T:
    """Scale a picture or a mask; the result is of the same kind.

    With `multiple_of`, the aspect ratio may change by less than one multiple. If the size is already right, no pixel
    changes. Source: Pillow's Image.resize, and ImageOps.fit for cover.
    """
    import PIL.Image
    import PIL.ImageOps

    if like is not None:
        width, height = like.size
    size = _target(image.size, width, height, fit, multiple_of) or image.size
    if size == image.size:
        return image
    method = PIL.Image.Resampling[resample.upper()]
    picture = image.pil()
    scaled = PIL.ImageOps.fit(picture, size, method) if fit == "cover" else picture.resize(size, method)
    return type(image).of(scaled)
