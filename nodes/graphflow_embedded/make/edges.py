"""Canny edges in numpy: the control pictures that the canny ControlNet is trained and judged on."""

from __future__ import annotations

import numpy as np

from graphflow_embedded.make.noise import blur


def canny(pixels: np.ndarray, *, low: float = 0.06, high: float = 0.16, radius: float = 1.0) -> np.ndarray:
    """Edges of an (H, W, 3) uint8 picture: (H, W) uint8, 255 on an edge, one pixel wide.

    Args:
        pixels: the picture.
        low, high: slopes per pixel, of a grey of 0 to 1; edges above `high` go on through slopes above `low`.
        radius: of the blur before, in pixels.
    """
    grey = blur(pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255, radius)
    slope_y, slope_x = np.gradient(grey)
    slope = 2 * np.hypot(slope_x, slope_y)
    ridge = slope * _is_ridge(slope, slope_x, slope_y)
    edges, weak = ridge > high, ridge > low
    for _ in range(32):
        grown = _spread(edges) & weak
        if grown.sum() == edges.sum():
            break
        edges = grown
    return edges.astype(np.uint8) * 255


def _is_ridge(slope: np.ndarray, slope_x: np.ndarray, slope_y: np.ndarray) -> np.ndarray:
    """Where the slope is at least that of both neighbours across the edge, the direction in steps of 45 degrees."""
    around = np.pad(slope, 1)
    height, width = slope.shape
    direction = np.round(np.arctan2(slope_y, slope_x) / (np.pi / 4)).astype(int) % 4
    result = np.zeros(slope.shape, bool)
    for index, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = around[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        result |= (direction == index) & (slope >= ahead) & (slope > behind)
    return result


def _spread(edges: np.ndarray) -> np.ndarray:
    around = np.pad(edges, 1)
    height, width = edges.shape
    return np.any([around[r : r + height, c : c + width] for r in range(3) for c in range(3)], axis=0)
