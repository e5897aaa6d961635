"""animate: show pictures one after the other."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, node
from graphflow.problems import Fault
from graphflow.values.animation import Animation
from graphflow.values.facts import Facts
from graphflow.values.raster import Image


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    items = facts["images"].items
    if items is not None and not items:
        return Planned(problems=(Fault("there are no pictures to animate", about="images"),))
    sizes = list(dict.fromkeys(item.size for item in items or () if item.size is not None))
    if len(sizes) > 1:
        why = "they are " + ", ".join(f"{width} × {height}" for width, height in sizes)
        message = "the pictures of an animation must have the same size"
        fault = Fault(message, why, "resize them", "images", "size-mismatch")
        return Planned(problems=(fault,))
    return Planned()


@node(plan=_plan)
def animate(
    images: Annotated[Sequence[Image], Doc("At least one picture, all of the same size.")],
    *,
    duration: Annotated[
        int, Ge(10), Le(600_000), Doc("Milliseconds per picture; a GIF rounds to hundredths of a second.")
    ] = 200,
    loop: Annotated[int, Ge(0), Le(65_535), Doc("How many times it plays; 0 = forever.")] = 0,
    format: Annotated[
        Literal["gif", "webp"], Doc("The file format: gif has 256 colours per picture, webp has all colours.")
    ] = "gif",
) -> Animation:
    """Join pictures into an animation, in the given order."""
    return Animation(tuple(images), duration, loop, format)
