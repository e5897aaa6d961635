"""The step that enlarges a picture with a model made for it, tile by tile if the picture is large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.errors import InvalidValue
from graphflow.values.picture_files import MAX_PIXELS
from graphflow.values.raster import Image

MARGIN = 32
"""Pixels around a tile that the model also sees, so that tiles fit each other."""


@step(version=1)
def enlarge(image: Image, context: Context, *, tile: int) -> Image:
    """Enlarge a picture by the scale of a model.

    Args:
        image: of any size; spandrel pads it to what the model needs.
        tile: side in pixels of the parts in which it is enlarged. Models that divide pictures themselves, or that
            need the whole picture, get it in one piece.

    Raises:
        InvalidValue: the model does not work with colours, or the result would have too many pixels.
    """
    import numpy as np
    import torch

    model = context.borrow("upscaling_model")
    if (model.input_channels, model.output_channels) != (3, 3):
        channels = f"it has {model.input_channels} channels for pictures, and returns {model.output_channels}"
        raise InvalidValue(f"the model does not work with pictures in colour: {channels}")
    scale, width, height = int(model.scale), image.width, image.height
    if scale * width * scale * height > MAX_PIXELS:
        size = f"{scale * width} × {scale * height}"
        raise InvalidValue(f"the result would have {size} pixels, more than {MAX_PIXELS:,}")
    if model.tiling.name != "SUPPORTED":
        tile = max(width, height)
    result = np.empty((scale * height, scale * width, 3), np.uint8)
    tiles = [(x, y) for y in _spans(height, tile) for x in _spans(width, tile)]
    with torch.no_grad():
        for done, (x, y) in enumerate(tiles, 1):
            seen_x, seen_y = (_with_margin(span, side) for span, side in ((x, width), (y, height)))
            pixels = torch.from_numpy(image.array[slice(*seen_y), slice(*seen_x)].copy())
            given = pixels.permute(2, 0, 1)[None].to(model.device, model.dtype) / 255
            made = model(given)[0].float().permute(1, 2, 0).cpu()
            own_x, own_y = (_within(span, seen, scale) for span, seen in ((x, seen_x), (y, seen_y)))
            part = (made[own_y, own_x] * 255).round().to(torch.uint8).numpy()
            result[_scaled(y, scale), _scaled(x, scale)] = part
            context.progress(done, len(tiles))
    return Image.of(result)


Span = tuple[int, int]
"""First pixel, and the one after the last, along one side."""


def _spans(side: int, tile: int) -> Iterator[Span]:
    """Parts of a side, of about equal length and at most `tile`."""
    parts = -(-side // tile)
    for number in range(parts):
        yield number * side // parts, (number + 1) * side // parts


def _with_margin(span: Span, side: int) -> Span:
    return max(0, span[0] - MARGIN), min(side, span[1] + MARGIN)


def _within(span: Span, seen: Span, scale: int) -> slice:
    """The part of the enlarged `seen` that is the enlarged `span`."""
    return slice(scale * (span[0] - seen[0]), scale * (span[1] - seen[0]))


def _scaled(span: Span, scale: int) -> Any:
    return slice(scale * span[0], scale * span[1])
