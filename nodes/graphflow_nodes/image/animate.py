"""animate: show pictures one after the other."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from graphflow.catalog.authoring import Doc, Ge, Le, Planned, node
from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.value import Animation, Image


def _plan(
    facts: Mapping[str, Facts], params: Mapping[str, Any], checkpoints: Mapping[str, Any], wanted: frozenset[str]
) -> Planned:
    items = facts["images"].items
    if items is not None and not items:
        return Planned(problems=(Fault("there are no pictures to animate", about="images"),))
    sizes = list(dict.fromkeys(item.size for item in items or () if item.size is not None))
    if len(sizes) > 1:
        why = "they are " + ", ".join(f"{width} × {height}" for width, height in sizes)
        fault = Fault("the pictures of an animation have one size", why, "resize them", "images", "size-mismatch")
        return Planned(problems=(fault,))
    return Planned()


@node(plan=_plan)
def animate(
    images: Annotated[Sequence[Image], Doc("At least one picture, all of one size.")],
    *,
    duration: Annotated[int, Ge(10), Le(600_000), Doc("Milliseconds a picture; a GIF keeps full hundredths.")] = 200,
    loop: Annotated[int, Ge(0), Le(65_535), Doc("How often it is played; 0 = for ever.")] = 0,
    format: Annotated[
        Literal["gif", "webp"], Doc("How it is written: gif has 256 colours a picture, webp has all.")
    ] = "gif",
) -> Animation:
    """Join pictures into an animation, in the order in which they are given."""
    return Animation(tuple(images), duration, loop, format)
