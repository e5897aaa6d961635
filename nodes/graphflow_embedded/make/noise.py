"""Smooth random fields, blurs and grids for backgrounds and lighting."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel centre, (size, size) float32 in (0, 1), read-only."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(line, line)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def smooth(rng: np.random.Generator, cells: tuple[int, int], size: int) -> np.ndarray:
    """A field of normal noise on `cells` (rows, columns), enlarged smoothly to (size, size)."""
    small = Image.fromarray(rng.standard_normal(cells).astype(np.float32))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


def fractal(rng: np.random.Generator, size: int, *, first: int = 2, octaves: int = 5, fall: float = 0.55) -> np.ndarray:
    """Fractal noise, (size, size) float32, about -1 to 1: octaves of `smooth`, each finer one `fall` as strong."""
    total, weight, power = np.zeros((size, size), np.float32), 1.0, 0.0
    for octave in range(octaves):
        cells = min(first * 2**octave, size)
        total += weight * smooth(rng, (cells, cells), size)
        power += weight**2
        weight *= fall
    return total / np.float32(2 * power**0.5)


def blur(field: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of an (H, W) float field in 0 to 1."""
    picture = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def mix(a: np.ndarray | float, b: np.ndarray | float, amount: np.ndarray) -> np.ndarray:
    """Mix `a` (at `amount` 0) and `b` (at 1); an (H, W) amount mixes (H, W, 3) pictures."""
    if amount.ndim == 2:
        amount = amount[..., None]
    return a + (b - a) * amount


def step(field: np.ndarray, width: float) -> np.ndarray:
    """0 below zero, 1 above, with a soft edge of `width`."""
    return np.clip(field / width + 0.5, 0, 1)
