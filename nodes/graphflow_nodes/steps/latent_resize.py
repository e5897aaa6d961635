"""The step that resizes latents, and the size of its result."""

from __future__ import annotations

from graphflow.catalog.authoring import step
from graphflow.errors import InvalidValue
from graphflow.values.tensor_values import Latents

MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic"}
"""Name of a method → its name in torch."""


def cells_after(
    cells: tuple[int, int], factor: int, scale: float | None, width: int | None, height: int | None
) -> tuple[int, int]:
    """Columns and rows of latents after they are resized, at least one each.

    Args:
        cells: columns and rows before.
        factor: pixels per cell and side.
        scale: factor for both sides; if it is None, `width` and `height` count.
        width, height: pixels; if one of them is None, the proportions are kept; if both are, the size.
    """
    columns, rows = cells
    if scale is not None:
        sides = columns * scale, rows * scale
    elif width is not None and height is not None:
        sides = width / factor, height / factor
    elif width is not None:
        sides = width / factor, rows * width / factor / columns
    elif height is not None:
        sides = columns * height / factor / rows, height / factor
    else:
        sides = cells
    return max(1, round(sides[0])), max(1, round(sides[1]))


@step(version=1)
def resize_latents(
    latents: Latents, *, scale: float | None, width: int | None, height: int | None, method: str
) -> Latents:
    """Resize latents, which stay in their space.

    Args:
        scale, width, height: see `cells_after`.
        method: a key of `MODES`; `bilinear` and `bicubic` average over the cells that are merged into one.

    Raises:
        InvalidValue: the latents are noisy.
    """
    import torch

    if latents.noise is not None:
        raise InvalidValue("noisy latents cannot be resized, since the noise of neighbouring cells would be mixed")
    given = latents.tensor
    rows, columns = int(given.shape[-2]), int(given.shape[-1])
    size = cells_after((columns, rows), latents.space.factor, scale, width, height)
    smooth = {"align_corners": False, "antialias": True} if method != "nearest" else {}
    # Not every method exists in half precision.
    made = torch.nn.functional.interpolate(given.float(), size=size[::-1], mode=MODES[method], **smooth)
    return Latents(made.to(given.dtype), latents.space)
