"""Sizes of pictures that a family supports."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graphflow.checkpoints.family import LatentRules
from graphflow.problems import Fault
from graphflow.values.latent_space import LatentSpace


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
