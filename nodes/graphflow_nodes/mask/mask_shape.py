"""mask_shape: draw a rectangle, an ellipse or a polygon as a mask."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Le, Len, Planned, node
from graphflow.problems import Fault
from graphflow.text_helpers.words import counted
from graphflow.values.facts import Facts
from graphflow.values.raster import Image, Mask
from graphflow_nodes.planning.pixel_limit import too_large

if TYPE_CHECKING:
    import numpy as np

Fraction = Annotated[float, Ge(0), Le(1)]


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    width, height = params["width"], params["height"]
    problems = [*_outline_faults(params["shape"], params["box"], params["points"])]
    if "like" in facts:
        if width is not None or height is not None:
            message = "the size is given twice, by like and by width or height"
            problems.append(Fault(message, fix="give one of them", about="like"))
        width, height = facts["like"].width, facts["like"].height
    elif width is None or height is None:
        problems.append(Fault("the mask's size is not given", fix="give width and height, or a picture for like"))
    if width is not None and height is not None:
        problems += too_large(width, height)
    return Planned({"mask": Facts(width, height)}, problems=tuple(problems))


def _outline_faults(shape: str, box: Sequence[float] | None, points: Sequence[float] | None) -> list[Fault]:
    needed, other = ("points", "box") if shape == "polygon" else ("box", "points")
    given = {"box": box, "points": points}
    if given[other] is not None:
        return [Fault(f"the shape {shape} has no {other}", fix=f"give {needed} instead", about=other)]
    if given[needed] is None:
        form = "[x, y, x, y, x, y, …]" if needed == "points" else "[left, top, right, bottom]"
        return [Fault(f"the shape {shape} needs {needed}", fix=f"{needed}: {form}, as fractions of the picture")]
    if points is not None and (len(points) < 6 or len(points) % 2):
        why = f"{counted(len(points), 'number')} given"
        return [Fault("points must be x and y of at least three corners", why, about="points")]
    if box is not None and (box[0] >= box[2] or box[1] >= box[3]):
        why = f"left {box[0]}, top {box[1]}, right {box[2]}, bottom {box[3]}"
        return [Fault("the box is empty", why, "write left, top, right, bottom in this order", "box")]
    return []


@node(plan=_plan)
def mask_shape(
    like: Annotated[Image | Mask | None, Doc("Use this picture's size instead of width and height.")] = None,
    *,
    shape: Annotated[Literal["rectangle", "ellipse", "polygon"], Doc("The white shape on black.")],
    box: Annotated[
        tuple[Fraction, ...] | None,
        Len(4, 4),
        Doc("left, top, right, bottom of the rectangle or ellipse, as fractions of the picture's width and height."),
    ] = None,
    points: Annotated[
        tuple[Fraction, ...] | None,
        Doc("x, y of each corner of the polygon in turn, as fractions of the picture's width and height."),
    ] = None,
    width: Annotated[int | None, Ge(1), Doc("Pixels.")] = None,
    height: Annotated[int | None, Ge(1), Doc("Pixels.")] = None,
) -> Mask:
    """Draw a hard-edged shape: a pixel is white if its centre is inside the shape, else black.

    Coordinates are fractions from 0, 0 (top left) to 1, 1 (bottom right), so a shape fits every size. A polygon that
    crosses itself is filled by the even-odd rule.
    """
    w, h = like.size if like is not None else (width or 1, height or 1)
    if shape == "polygon":
        corners = points or ()
        inside = _polygon([(x * w, y * h) for x, y in zip(corners[::2], corners[1::2], strict=True)], w, h)
    else:
        left, top, right, bottom = box or (0, 0, 1, 1)
        inside = _spans((left * w, top * h, right * w, bottom * h), w, h, round_=shape == "ellipse")
    return Mask.of(inside.astype("uint8") * 255)


def _spans(edges: tuple[float, float, float, float], width: int, height: int, *, round_: bool) -> "np.ndarray":
    """(H, W) bool: inside the box, or inside the ellipse that fills it; each row is one span of columns."""
    import numpy as np

    left, top, right, bottom = edges
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    t = (np.arange(height) + 0.5 - middle_y) / ((bottom - top) / 2)
    half = np.sqrt(np.clip(1 - t * t, 0, None)) if round_ else np.ones(height)
    half = np.where(np.abs(t) <= 1, half * (right - left) / 2, -1)
    centres = np.arange(width) + 0.5
    first = np.searchsorted(centres, middle_x - half, "left")
    last = np.searchsorted(centres, middle_x + half, "right")
    columns = np.arange(width)
    return (columns >= first[:, None]) & (columns < last[:, None])


def _polygon(corners: list[tuple[float, float]], width: int, height: int) -> "np.ndarray":
    """(H, W) bool: inside the polygon by the even-odd rule."""
    import numpy as np

    rows = np.arange(height) + 0.5
    columns = np.arange(width) + 0.5
    # Each edge marks, in every row it crosses, the first pixel right of it; an odd number of marks means inside.
    marks = np.zeros((height, width + 1), bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        passed = np.flatnonzero((y0 <= rows) != (y1 <= rows))
        crossings = x0 + (rows[passed] - y0) * (x1 - x0) / (y1 - y0 or 1)
        marks[passed, np.searchsorted(columns, crossings)] ^= True
    return np.logical_xor.accumulate(marks, axis=1)[:, :width]
