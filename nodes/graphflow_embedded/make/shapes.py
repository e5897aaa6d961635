"""Signed distances of the named shapes: negative inside, in units of the shape's radius."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin, sqrt

import numpy as np

Field = np.ndarray
"""A float32 array of one value per pixel, (H, W)."""


def distance(shape: str, x: Field, y: Field, angle: float) -> Field:
    """Signed distance of each point to the outline of `shape`.

    Args:
        shape: one of `words.SHAPES`.
        x, y: (H, W) coordinates in radii around the shape's centre, y pointing down.
        angle: turn of the shape in radians.

    Returns:
        (H, W), about -1 deep inside to positive outside. It is nearly exact only near the outline, which is enough
        for anti-aliasing, bevels and shadows.
    """
    c, s = cos(angle), sin(angle)
    return _DISTANCES[shape](c * x + s * y, c * y - s * x)


def _circle(x: Field, y: Field) -> Field:
    return np.hypot(x, y) - 0.92


def _box(x: Field, y: Field, half_width: float, half_height: float, corner: float) -> Field:
    u, v = np.abs(x) - half_width + corner, np.abs(y) - half_height + corner
    return np.hypot(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0) - corner


def _square(x: Field, y: Field) -> Field:
    return _box(x, y, 0.8, 0.8, 0.08)


def _diamond(x: Field, y: Field) -> Field:
    # Narrower than high, so that it is not a rotated square.
    u, v = np.abs(x) / 0.68, np.abs(y)
    return (u + v - 1.0) * 0.56


def _triangle(x: Field, y: Field) -> Field:
    k, r = sqrt(3.0), 0.92
    x, y = np.abs(x) - r, -(y - 0.2) + r / k
    beyond = x + k * y > 0
    x, y = np.where(beyond, (x - k * y) / 2, x), np.where(beyond, (-k * x - y) / 2, y)
    x = x - np.clip(x, -2 * r, 0)
    return -np.hypot(x, y) * np.sign(y) - 0.03


def _star(x: Field, y: Field) -> Field:
    # Fold the plane onto one tenth of the star, then measure the distance to one edge.
    inner, outer = 0.45, 1.02
    ax, ay = cos(pi / 5), -sin(pi / 5)
    x, y = np.abs(x), -(y - 0.06)
    fold = 2 * np.maximum(ax * x + ay * y, 0)
    x, y = x - fold * ax, y - fold * ay
    fold = 2 * np.maximum(-ax * x + ay * y, 0)
    x, y = np.abs(x + fold * ax), y - fold * ay - outer
    ex, ey = inner * -ay, inner * ax - 1
    t = np.clip((x * ex + y * ey) / (ex * ex + ey * ey), 0, outer)
    return np.hypot(x - ex * t, y - ey * t) * np.sign(y * ex - x * ey) - 0.03


def _heart(x: Field, y: Field) -> Field:
    scale = 1.62
    x, y = np.abs(x) / scale, (0.52 - y / scale)
    lobe = np.hypot(x - 0.25, y - 0.75) - sqrt(2) / 4
    m = 0.5 * np.maximum(x + y, 0)
    tip = np.sqrt(np.minimum(x**2 + (y - 1) ** 2, (x - m) ** 2 + (y - m) ** 2)) * np.sign(x - y)
    return np.where(x + y > 1, lobe, tip) * scale


def _ring(x: Field, y: Field) -> Field:
    return np.abs(np.hypot(x, y) - 0.7) - 0.24


def _cross(x: Field, y: Field) -> Field:
    return np.minimum(_box(x, y, 0.9, 0.3, 0.05), _box(x, y, 0.3, 0.9, 0.05))


_DISTANCES: dict[str, Callable[[Field, Field], Field]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "diamond": _diamond,
    "ring": _ring,
    "cross": _cross,
}
