"""crop: cut a rectangle out of a picture or a mask."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from graphflow.catalog.authoring import Doc, Ge, Planned, node
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask

T = TypeVar("T", Image, Mask)

Anchor = Literal["center", "left", "right", "top", "bottom", "top_left", "top_right", "bottom_left", "bottom_right"]


def _span(side: int, start: int | None, length: int | None, anchor: str, low: str, high: str) -> tuple[int, int]:
    """The first pixel and the number of pixels along an axis of `side` pixels; may extend beyond it."""
    if length is None:
        length = side - (start or 0)
    if start is None:
        start = 0 if low in anchor else side - length if high in anchor else (side - length) // 2
    return start, length


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    picture, anchor = facts["image"], params["anchor"]
    result = {"width": params["width"], "height": params["height"]}
    problems = []
    for extent, edge, low, high in (("width", "left", "left", "right"), ("height", "top", "top", "bottom")):
        side = getattr(picture, extent)
        if side is None:
            continue
        start, length = _span(side, params[edge], params[extent], anchor, low, high)
        result[extent] = length
        if start < 0 or length < 1 or start + length > side:
            why = f"{edge} {start} and {extent} {length}, but the picture's {extent} is {side}"
            about = extent if params[extent] is not None else edge
            problems.append(Fault("the crop extends beyond the picture", why, f"stay within 0 to {side}", about))
    return Planned({"image": picture.resized(**result)}, problems=tuple(problems))


@node(plan=_plan)
def crop(
    image: Annotated[T, Doc("A picture or a mask.")],
    *,
    left: Annotated[int | None, Ge(0), Doc("Pixels from the left edge; by default, placed by anchor.")] = None,
    top: Annotated[int | None, Ge(0), Doc("Pixels from the top edge; by default, placed by anchor.")] = None,
    width: Annotated[int | None, Ge(1), Doc("Pixels; by default, everything to the right of left.")] = None,
    height: Annotated[int | None, Ge(1), Doc("Pixels; by default, everything below top.")] = None,
    anchor: Annotated[Anchor, Doc("The rectangle's position in each direction without left or top.")] = "center",
) -> T:
    """Cut a rectangle out of a picture or a mask; one that extends beyond the picture is refused."""
    x, w = _span(image.width, left, width, anchor, "left", "right")
    y, h = _span(image.height, top, height, anchor, "top", "bottom")
    return type(image).of(image.pil().crop((x, y, x + w, y + h)))
