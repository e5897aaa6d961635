"""Styles applied to a drawn picture: pixel art and pencil sketch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from graphflow_embedded.make.noise import blur, grid, smooth
from graphflow_embedded.make.render import Picture


def apply(picture: Picture, style: str, seed: int) -> np.ndarray:
    """The picture's pixels in `style`, (size, size, 3) uint8; unchanged for the style `plain`."""
    if style == "plain":
        return picture.pixels
    rng = np.random.default_rng([seed, 2])
    return _pixel(picture.pixels) if style == "pixel" else _sketch(picture, rng)


def _pixel(pixels: np.ndarray, block: int = 4, levels: int = 4) -> np.ndarray:
    """Blocks of 4 by 4 pixels in few colours."""
    size = pixels.shape[0]
    small = Image.fromarray(pixels).resize((size // block, size // block), Image.Resampling.BOX)
    steps = np.round(np.asarray(small, np.float32) / 255 * (levels - 1)) / (levels - 1)
    return np.repeat(np.repeat((steps * 255).astype(np.uint8), block, 0), block, 1)


def _sketch(picture: Picture, rng: np.random.Generator) -> np.ndarray:
    """Pencil on paper: dark outlines, hatching where the picture is dark, crayon colour on shapes."""
    size = picture.pixels.shape[0]
    colour = picture.pixels.astype(np.float32) / 255
    grey = colour @ np.array([0.3, 0.59, 0.11], np.float32)
    on_shape = picture.shapes.astype(np.float32) / 255
    lines = (0.35 + 0.65 * on_shape) * _outlines(blur(grey, 0.8)) + _outlines(blur(on_shape, 0.8))
    lines = np.clip(lines * (0.85 + 0.25 * smooth(rng, (12, 12), size)), 0, 1)
    x, y = grid(size)
    strokes = np.sin((x + y) * size * 0.95 + 1.5 * smooth(rng, (6, 6), size))
    dark = 1 - blur(grey, 3)
    hatch = np.clip(dark - 0.25 + 0.22 * strokes, 0, 1) * np.clip(1.6 * dark, 0, 1)
    ink = np.clip(0.9 * lines + 0.4 * hatch, 0, 0.92)
    paper = np.array([0.97, 0.96, 0.93], np.float32) + 0.008 * rng.standard_normal((size, size, 1)).astype(np.float32)
    crayon = 0.8 * on_shape[..., None]
    paper = paper * (1 - crayon * (1 - colour))
    return (np.clip(paper * (1 - ink[..., None]), 0, 1) * 255).astype(np.uint8)


def _outlines(field: np.ndarray) -> np.ndarray:
    slope_y, slope_x = np.gradient(field)
    return np.clip(7 * np.hypot(slope_x, slope_y) - 0.15, 0, 1)
