"""Masks as users paint them, and captions of the parts that they hide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphflow_embedded.make.captions import caption
from graphflow_embedded.make.noise import grid, smooth
from graphflow_embedded.make.scene import Item, Scene


def hole(scene: Scene, seed: int, size: int, wordings: int) -> tuple[np.ndarray, list[str]]:
    """A mask for a picture of `scene`, and captions of what it hides.

    Returns:
        mask (size, size) uint8, 255 = repaint; `wordings` captions that name the shapes whose centre is hidden,
        or only the background if there is none, which teaches erasing.
    """
    rng = np.random.default_rng([seed, 3])
    lot = rng.random()
    if lot < 0.08:
        mask = np.ones((size, size), bool)
    elif scene.items and lot < 0.72:
        mask = around(scene.items[int(rng.integers(len(scene.items)))], rng, size)
    else:
        mask = anywhere(rng, size)
    hidden = tuple(item for item in scene.items if _holds(mask, item, size))
    told = replace(scene, items=hidden)
    return mask.astype(np.uint8) * 255, [caption(told, rng) for _ in range(wordings)]


def around(item: Item, rng: np.random.Generator, size: int) -> np.ndarray:
    """A box, an ellipse or a blob around a shape, 1.15 to 2.3 of its radius, (size, size) bool."""
    x, y = grid(size)
    room = item.radius * rng.uniform(1.15, 2.3, 2)
    shift = rng.uniform(-0.08, 0.08, 2) * item.radius
    u, v = np.abs(x - item.x - shift[0]) / room[0], np.abs(y - item.y - shift[1]) / room[1]
    return _outline(u, v, rng, size)


def anywhere(rng: np.random.Generator, size: int) -> np.ndarray:
    """A box, an ellipse, a blob or a brush stroke at any place, (size, size) bool."""
    x, y = grid(size)
    if rng.random() < 0.3:
        return _stroke(rng, size)
    (cx, cy), room = rng.uniform(0.15, 0.85, 2), rng.uniform(0.12, 0.42, 2)
    return _outline(np.abs(x - cx) / room[0], np.abs(y - cy) / room[1], rng, size)


def _outline(u: np.ndarray, v: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return np.maximum(u, v) < 1
    wobble = 0.0 if kind == 1 else 0.1 * smooth(rng, (4, 4), size)
    return np.hypot(u, v) + wobble < 1.12


def _stroke(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = grid(size)
    mask, width = np.zeros((size, size), bool), rng.uniform(0.06, 0.14)
    point = rng.uniform(0.1, 0.9, 2)
    for _ in range(int(rng.integers(2, 5))):
        end = np.clip(point + rng.uniform(-0.4, 0.4, 2), 0.05, 0.95)
        for t in np.linspace(0, 1, 12):
            cx, cy = point + (end - point) * t
            mask |= (x - cx) ** 2 + (y - cy) ** 2 < width**2
        point = end
    return mask


def _holds(mask: np.ndarray, item: Item, size: int) -> bool:
    row, column = (min(size - 1, int(value * size)) for value in (item.y, item.x))
    return bool(mask[row, column])
