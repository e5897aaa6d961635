"""From a scene to a picture: lit, bevelled shapes with soft shadows on their background, and the true depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphflow_embedded.make import backgrounds, words
from graphflow_embedded.make.noise import blur, grid, mix, smooth, step
from graphflow_embedded.make.scene import Item, Scene
from graphflow_embedded.make.shapes import distance


@dataclass(frozen=True)
class Picture:
    """The drawn scene."""

    pixels: np.ndarray
    """(size, size, 3) uint8."""
    depth: np.ndarray
    """(size, size) uint8, 255 nearest: nearness in the form of depth estimators for ControlNets."""
    shapes: np.ndarray
    """(size, size) uint8, 255 on any shape."""


def render(scene: Scene, seed: int, size: int) -> Picture:
    """Draw `scene`; the same scene and seed give the same bytes.

    Args:
        scene: what to draw, in plain style (styles are laid over pixels by `styles.apply`).
        seed: for texture, light and jitter.
        size: width and height in pixels.
    """
    rng = np.random.default_rng([seed, 1])
    light = _light(rng)
    tone = words.TONES[scene.tone] if scene.tone else (150, 152, 156)
    tone = tuple(int(np.clip(value + rng.normal(0, 6), 0, 255)) for value in tone)
    pixels, near = backgrounds.draw(scene.background, rng, size, tone)
    pixels = np.array(pixels, np.float32)
    shapes = np.zeros((size, size), np.float32)
    for item in scene.items:
        pixels, near, shapes = _place(item, pixels, near, shapes, light, rng, size)
    pixels = _expose(pixels, rng, size)
    return Picture(_bytes(pixels), _bytes(near), _bytes(shapes))


def _light(rng: np.random.Generator) -> np.ndarray:
    """Direction towards the light: from above, mostly from the left."""
    direction = np.array([rng.uniform(-0.75, 0.15), rng.uniform(-0.8, -0.45), rng.uniform(0.6, 0.9)], np.float32)
    return direction / np.linalg.norm(direction)


def _place(
    item: Item,
    pixels: np.ndarray,
    near: np.ndarray,
    shapes: np.ndarray,
    light: np.ndarray,
    rng: np.random.Generator,
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = grid(size)
    x, y = (x - np.float32(item.x)) / np.float32(item.radius), (y - np.float32(item.y)) / np.float32(item.radius)
    outline = distance(item.shape, x, y, item.angle)
    cover = step(-outline, 1.2 / (size * item.radius)).astype(np.float32)

    throw = 0.16
    cast = distance(item.shape, x + throw * light[0] * 1.4, y + throw * light[1] * 1.4, item.angle)
    shadow = blur(step(-cast, 0.1), 0.1 * item.radius * size)
    pixels = pixels * (1 - 0.45 * shadow[..., None])

    rise = np.sqrt(np.clip(-outline / 0.34, 0, 1) * (2 - np.clip(-outline / 0.34, 0, 1)) + 1e-6)
    slope_y, slope_x = np.gradient(rise * 0.34 * item.radius * size)
    steep = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) * steep
    gloss = np.clip(2 * facing * steep - light[2], 0, 1) ** 16
    shade = 0.42 + 0.72 * np.clip(facing, 0, 1)
    pixels = mix(pixels, _paint(item, x, y, rng) * shade[..., None] + 0.38 * gloss[..., None], cover)

    bulge = item.near + 0.9 * item.radius * rise * 0.8
    return pixels, mix(near[..., None], bulge[..., None], cover)[..., 0], np.maximum(shapes, cover)


def _paint(item: Item, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The shape's own colour at every point, (H, W, 3)."""
    colour = np.array(words.COLOURS[item.colour], np.float32) / 255 + rng.normal(0, 0.018, 3).astype(np.float32)
    paint = np.broadcast_to(colour, (*x.shape, 3))
    if item.pattern == "plain":
        return paint
    second = colour * 0.35 if colour.mean() > 0.8 else np.clip(colour * 0.35 + 0.68, 0, 1)
    if item.pattern == "striped":
        turn = rng.uniform(-0.5, 0.5)
        marks = step(np.sin((x * np.cos(turn) + y * np.sin(turn)) * 9.5), 0.5)
    else:
        u, v = (x + 0.5 * (np.floor(y / 0.4) % 2) * 0.4) / 0.4 % 1 - 0.5, y / 0.4 % 1 - 0.5
        marks = step(0.26 - np.hypot(u, v), 0.12)
    return mix(paint, second, marks)


def _expose(pixels: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Light falls unevenly and lenses darken corners: a weak gradient, a vignette, sometimes a little grain."""
    x, y = grid(size)
    field = 1 + 0.03 * smooth(rng, (2, 2), size) - rng.uniform(0, 0.22) * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    pixels = pixels * field[..., None] * rng.uniform(0.95, 1.04)
    if rng.random() < 0.2:
        pixels = pixels + rng.uniform(0, 0.012) * rng.standard_normal((size, size, 1)).astype(np.float32)
    return pixels


def _bytes(field: np.ndarray) -> np.ndarray:
    return (np.clip(field, 0, 1) * 255 + 0.5).astype(np.uint8)
