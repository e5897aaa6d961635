"""Backgrounds: each function draws one and its nearness.

Every function takes a generator, a size in pixels and a tone (a plain colour, RGB 0 to 255), and returns the picture
(size, size, 3) float32 in 0 to 1 and its nearness (size, size) float32, 0 far to about 0.45 near.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphflow_embedded.make.noise import blur, fractal, grid, mix, smooth, step

Backdrop = tuple[np.ndarray, np.ndarray]


def draw(kind: str, rng: np.random.Generator, size: int, tone: tuple[int, int, int]) -> Backdrop:
    """Draw the background named `kind`, one of `words.BACKGROUNDS`."""
    return _DRAWERS[kind](rng, size, np.array(tone, np.float32) / 255)


def _flat(colour: np.ndarray, size: int) -> np.ndarray:
    return np.broadcast_to(colour, (size, size, 3)).astype(np.float32)


def _wall(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = grid(size)
    return (0.2 + rng.uniform(-0.05, 0.05) + rng.uniform(-0.06, 0.06) * (x - 0.5) + 0.1 * (y - 0.5)).astype(np.float32)


def _pale(rng: np.random.Generator) -> np.ndarray:
    """A muted colour, so that no background can be mistaken for the shape's colour."""
    grey = rng.uniform(0.25, 0.85)
    return np.clip(grey + rng.uniform(-0.09, 0.09, 3), 0, 1).astype(np.float32)


def _plain(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    picture = _flat(tone, size) * (1 + 0.04 * smooth(rng, (3, 3), size)[..., None])
    return picture, _wall(rng, size)


def _striped(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    x, y = grid(size)
    turn = rng.choice([0.0, np.pi / 2, np.pi / 4, -np.pi / 4])
    wave = np.sin(2 * np.pi * (rng.uniform(4, 7) * (x * np.cos(turn) + y * np.sin(turn)) + rng.uniform()))
    other = np.clip(tone + (0.26 if tone.mean() < 0.55 else -0.26), 0, 1)
    return mix(_flat(tone, size), other, step(wave, 0.5)), _wall(rng, size)


def _checkered(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    x, y = grid(size)
    cells, shift = rng.uniform(2.5, 4.5), rng.uniform(0, 1, 2)
    wave = np.sin(2 * np.pi * (cells * x + shift[0])) * np.sin(2 * np.pi * (cells * y + shift[1]))
    other = np.clip(tone + (0.28 if tone.mean() < 0.55 else -0.28), 0, 1)
    return mix(_flat(tone, size), other, step(wave, 0.15)), _wall(rng, size)


def _gradient(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    _, y = grid(size)
    top = np.array([0.36, 0.30, 0.62], np.float32) + rng.uniform(-0.08, 0.08, 3).astype(np.float32)
    bottom = np.array([0.98, 0.72, 0.46], np.float32) + rng.uniform(-0.08, 0.08, 3).astype(np.float32)
    return mix(_flat(top, size), bottom, np.clip(y + 0.04 * smooth(rng, (2, 3), size), 0, 1)), _wall(rng, size)


def _night(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    _, y = grid(size)
    low, high = np.array([0.11, 0.13, 0.30], np.float32), np.array([0.02, 0.03, 0.11], np.float32)
    picture = mix(_flat(high, size), low, y) + 0.05 * np.maximum(fractal(rng, size, octaves=3), 0)[..., None]
    for _ in range(int(rng.integers(24, 48))):
        row, column = rng.integers(1, size - 2, 2)
        light = rng.uniform(0.4, 1.0)
        picture[row : row + 2, column : column + 2] = np.maximum(picture[row : row + 2, column : column + 2], light)
    return picture, np.full((size, size), 0.02, np.float32)


def _clouded(rng: np.random.Generator, size: int) -> np.ndarray:
    _, y = grid(size)
    high = np.array([0.36, 0.58, 0.84], np.float32) + rng.uniform(-0.06, 0.06)
    sky = mix(_flat(high, size), np.array([0.80, 0.89, 0.95], np.float32), np.clip(1.6 * y, 0, 1))
    clouds = np.clip(1.5 * fractal(rng, size, octaves=4) - 0.1, 0, 0.8)
    return mix(sky, np.float32(0.97), clouds)


def _ground(y: np.ndarray, horizon: np.ndarray | float) -> np.ndarray:
    """Nearness of flat ground below `horizon`: 0 there, rising to 0.45 at the lower edge."""
    return (0.45 * np.clip((y - horizon) / (1 - np.min(horizon)), 0, 1)).astype(np.float32)


def _sea(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    x, y = grid(size)
    horizon = rng.uniform(0.34, 0.5)
    far = np.clip((y - horizon) / (1 - horizon), 0, 1)
    wave = np.sin(70 * np.sqrt(far + 0.02) + 5 * smooth(rng, (3, 3), size) + 6 * x)
    water = mix(_flat(np.array([0.10, 0.38, 0.56], np.float32), size), np.array([0.14, 0.60, 0.66], np.float32), far)
    water = water + (0.06 * wave * (0.3 + far))[..., None]
    picture = mix(_clouded(rng, size), water, step(y - horizon, 1.5 / size))
    if rng.random() < 0.5:
        shore = step(y - 0.82 - 0.03 * smooth(rng, (1, 4), size), 0.02)
        picture = mix(picture, np.array([0.86, 0.77, 0.58], np.float32), shore)
    return picture, _ground(y, horizon)


def _hills(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    _, y = grid(size)
    picture, near = _clouded(rng, size), np.zeros((size, size), np.float32)
    for layer, base in enumerate((0.42, 0.56, 0.72)):
        ridge = base + 0.07 * smooth(rng, (1, 4), size) + 0.02 * smooth(rng, (1, 9), size)
        colour = np.array([(0.52, 0.66, 0.62), (0.36, 0.58, 0.36), (0.26, 0.48, 0.20)][layer], np.float32)
        colour = _flat(colour, size) * (1 + 0.1 * fractal(rng, size, first=6, octaves=4)[..., None])
        inside = step(y - ridge, 1.5 / size)
        picture = mix(picture, colour, inside)
        near = mix(near[..., None], (0.06 + 0.13 * layer + 0.12 * (y - base))[..., None], inside)[..., 0]
    return picture, near.astype(np.float32)


def _bricks(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    x, y = grid(size)
    rows = rng.uniform(7, 10)
    v = y * rows
    u = x * rows / 2.2 + 0.5 * (np.floor(v) % 2)
    shade = rng.uniform(-0.07, 0.07, (16, 16))[np.floor(v).astype(int) % 16, np.floor(u).astype(int) % 16]
    brick = np.array([0.55, 0.30, 0.24], np.float32) + rng.uniform(-0.05, 0.05)
    gap = np.minimum(np.minimum(u % 1, 1 - u % 1) * 2.2, np.minimum(v % 1, 1 - v % 1))
    wall = _flat(brick, size) + (shade + 0.04 * fractal(rng, size, first=16, octaves=3))[..., None]
    return mix(np.float32(0.70) + 0 * wall, wall, step(gap - 0.09, 0.08)), _wall(rng, size)


def _grass(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    _, y = grid(size)
    blades = smooth(rng, (24, size // 2), size) * 0.5 + fractal(rng, size, first=4, octaves=3)
    green = mix(
        _flat(np.array([0.42, 0.58, 0.22], np.float32), size), np.array([0.22, 0.42, 0.13], np.float32), 1 - 0.7 * y
    )
    return green * (1 + 0.14 * blades[..., None]), _ground(y, -0.6)


def _road(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    del tone
    x, y = grid(size)
    horizon = rng.uniform(0.2, 0.34)
    far = np.clip((y - horizon) / (1 - horizon), 0, 1)
    side = np.abs(x - 0.5 - rng.uniform(-0.15, 0.15) * (1 - far)) / (0.06 + 0.75 * far)
    ground = np.array([0.50, 0.52, 0.30], np.float32) * (1 + 0.15 * fractal(rng, size, first=6)[..., None])
    asphalt = np.float32(0.34) + 0.05 * fractal(rng, size, first=20, octaves=3)[..., None] + np.zeros(3, np.float32)
    dashes = step(0.035 - side, 0.02) * step(np.sin(9 / (far + 0.18)), 0.4)
    picture = mix(ground, asphalt, step(0.62 - side, 0.03))
    picture = mix(picture, np.float32(0.9), np.maximum(dashes, step(0.025 - np.abs(side - 0.55), 0.02)))
    return mix(_clouded(rng, size), picture, step(y - horizon, 1.5 / size)), _ground(y, horizon)


def _photo(rng: np.random.Generator, size: int, tone: np.ndarray) -> Backdrop:
    """Features of photographs that drawings lack: texture at every scale, out-of-focus blobs, walls and floors."""
    del tone
    x, y = grid(size)
    texture = fractal(rng, size, first=int(rng.integers(2, 8)), octaves=6, fall=rng.uniform(0.45, 0.85))
    picture = mix(_flat(_pale(rng), size), _pale(rng), np.clip(0.5 + texture, 0, 1))
    near = 0.2 + 0.1 * smooth(rng, (2, 2), size)
    if rng.random() < 0.4:
        floor = rng.uniform(0.5, 0.8)
        grain = fractal(rng, size, first=8, octaves=5, fall=0.7)[..., None]
        edge = step(y - floor - rng.uniform(-0.2, 0.2) * (x - 0.5), 2 / size)
        picture = mix(picture, _flat(_pale(rng), size) * (1 + rng.uniform(0.02, 0.3) * grain), edge)
        near = np.where(edge > 0.5, 0.2 + 0.6 * (y - floor), near)
    for _ in range(int(rng.integers(0, 7))):
        (cx, cy), (rx, ry) = rng.uniform(0, 1, 2), rng.uniform(0.04, 0.35, 2)
        blob = np.maximum(np.abs(x - cx) / rx, np.abs(y - cy) / ry) if rng.random() < 0.5 else None
        blob = np.hypot((x - cx) / rx, (y - cy) / ry) if blob is None else blob
        inside = step(1 - blob, rng.choice([0.04, 0.1, 0.5]))
        patch = _flat(_pale(rng), size) * (1 + 0.25 * texture[..., None])
        picture, near = mix(picture, patch, inside), near + 0.08 * inside * rng.uniform(-1, 1)
    if rng.random() < 0.4:
        picture = np.stack([blur(picture[..., channel], rng.uniform(0.6, 2.5)) for channel in range(3)], -1)
    picture = picture + rng.uniform(0, 0.025) * rng.standard_normal((size, size, 1)).astype(np.float32)
    return picture, np.clip(near, 0, 0.45).astype(np.float32)


_DRAWERS: dict[str, Callable[[np.random.Generator, int, np.ndarray], Backdrop]] = {
    "plain": _plain,
    "striped": _striped,
    "checkered": _checkered,
    "gradient": _gradient,
    "night sky": _night,
    "sea": _sea,
    "hills": _hills,
    "bricks": _bricks,
    "grass": _grass,
    "road": _road,
    "photo": _photo,
}
