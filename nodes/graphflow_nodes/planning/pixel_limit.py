"""Rules on picture sizes that several node types share."""

from graphflow.problems import Fault
from graphflow.values.facts import Facts
from graphflow.values.picture_files import MAX_PIXELS


def too_large(width: int, height: int) -> tuple[Fault, ...]:
    """A fault for a picture of more than `MAX_PIXELS` pixels; empty if it is small enough."""
    if width * height <= MAX_PIXELS:
        return ()
    message = f"the result would have {width} × {height} pixels, more than {MAX_PIXELS:,}"
    return (Fault(message, fix="make a smaller picture", code="picture-too-large"),)


def enlarged(image: Facts, scale: int) -> tuple[tuple[int | None, int | None], list[Fault]]:
    """(width, height) of a picture after it is enlarged, None if unknown, and a fault if that is too large."""
    if image.size is None:
        return (None, None), []
    width, height = image.size
    return (scale * width, scale * height), list(too_large(scale * width, scale * height))
