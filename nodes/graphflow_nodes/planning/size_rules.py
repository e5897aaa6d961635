"""Sizes of pictures that a family supports, and those that it paints well."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graphflow.checkpoints.family import LatentRules
from graphflow.problems import Fault
from graphflow.values.latent_space import LatentSpace

LEAST_SHARE = 0.5
"""Least share of the pixels for which a model was trained; with fewer, its pictures fall apart."""
MOST_SHARE = 2.5
"""Most pixels, as a share of the same; with more, pictures from noise repeat things: two heads, a second horizon."""
MOST_SHARE_OF_A_PICTURE = 4.0
"""The same for a stage that starts from a picture, which keeps such repetitions away."""


def size_faults(
    rules: LatentRules, space: LatentSpace, name: str, size: tuple[int | None, int | None], about: tuple[str, str]
) -> Iterator[Fault]:
    """A size that is not a multiple of what the family needs.

    Args:
        rules, space: of the checkpoint's latents.
        name: of the checkpoint, for messages.
        size: (width, height) in pixels; None if unknown.
        about: the port or param of each side.
    """
    factor = math.lcm(rules.multiple, space.factor)
    for side, value, place in zip(("width", "height"), size, about, strict=True):
        if value is not None and value % factor:
            near = sorted({max(factor, value // factor * factor), (value // factor + 1) * factor})
            fix = f"use {' or '.join(map(str, near))}"
            if place == "image":
                fix = f"put a resize with multiple_of: {factor} before it, or {fix} pixels"
            yield Fault(
                f"the {side} {value} is not a multiple of {factor}",
                f"{name} works in cells of {factor} pixels",
                fix,
                place,
            )


def size_warnings(
    own: tuple[int, int] | None, factor: int, name: str, size: tuple[int | None, int | None], about: tuple[str, str]
) -> Iterator[Fault]:
    """A warning if a size is far from the one for which the model was trained.

    Args:
        own: (width, height) of the model's own size; None if it is not known.
        factor: both sides of a suggested size are multiples of it.
        name: of the checkpoint, for messages.
        size: (width, height) in pixels; None if unknown.
        about: the port or param of each side.
    """
    width, height = size
    if own is None or not width or not height or width % factor or height % factor:
        return  # not known, or refused already
    given = "image" in about
    share = width * height / (own[0] * own[1])
    if LEAST_SHARE <= share <= (MOST_SHARE_OF_A_PICTURE if given else MOST_SHARE):
        return
    near = "×".join(str(max(factor, round(side / math.sqrt(share) / factor) * factor)) for side in (width, height))
    small = share < LEAST_SHARE
    why = f"it was trained for {own[0]}×{own[1]}, and "
    why += "its pictures fall apart if they are much smaller" if small else "repeats what it paints on a larger picture"
    if given:
        fix = f"put a resize to {near} before image"
    elif small:
        fix = f"paint {near}, and put a resize after it"
    else:
        fix = f"paint {near}, and enlarge it with a resize and img2img at a low strength"
    message = f"{width}×{height} is far {'below' if small else 'above'} the size of {name}"
    yield Fault(message, why, fix, about[0], "unusual-size")
