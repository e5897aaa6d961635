"""Scenes: randomly chosen shapes, their attributes and the background, before any pixel is drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from graphflow_embedded.make import words

RADII = {"small": (0.125, 0.15), "medium": (0.19, 0.225), "large": (0.28, 0.33)}
"""Radius as a share of the picture's width, by size word; the gaps keep the words apart."""


@dataclass(frozen=True)
class Item:
    """One shape."""

    shape: str
    colour: str
    size: str
    position: str
    pattern: str
    x: float
    """Centre as a share of the width, 0 left to 1 right."""
    y: float
    """Centre as a share of the height, 0 top to 1 bottom."""
    radius: float
    angle: float
    near: float
    """Nearness of its foot, 0.5 to 0.75; the backdrop stays below 0.45."""


@dataclass(frozen=True)
class Scene:
    """One picture's content; together with a seed it determines every pixel."""

    items: tuple[Item, ...]
    background: str
    tone: str | None
    """The plain colour's name, for backgrounds that have one."""
    style: str = "plain"


def combination(scene: Scene) -> tuple[str, str, str] | None:
    """The key of held-out pictures: shape, colour and background of a picture with a single shape."""
    if len(scene.items) != 1:
        return None
    return scene.items[0].shape, scene.items[0].colour, scene.background


@lru_cache(maxsize=1)
def held_out() -> frozenset[tuple[str, str, str]]:
    """The committed combinations that no training picture shows."""
    text = (Path(__file__).parent / "heldout.json").read_text(encoding="utf-8")
    return frozenset(tuple(entry) for entry in json.loads(text)["combinations"])


def place(position: str, size: str, rng: np.random.Generator) -> tuple[float, float]:
    """A centre for the position word; large shapes keep closer to the middle, so that they stay whole."""
    index = words.POSITIONS.index(position)
    reach = {"small": 0.30, "medium": 0.25, "large": 0.17}[size]
    jitter = {"small": 0.035, "medium": 0.03, "large": 0.015}[size]
    x = 0.5 + reach * (index % 3 - 1) + rng.uniform(-jitter, jitter)
    y = 0.5 + reach * (index // 3 - 1) + rng.uniform(-jitter, jitter)
    return float(x), float(y)


def draw_item(rng: np.random.Generator, position: str | None = None, size: str | None = None) -> Item:
    """A shape with random attributes, at `position` and of `size` if given."""
    size = size or str(rng.choice(words.SIZES, p=(0.3, 0.3, 0.4)))
    position = position or str(rng.choice(words.POSITIONS))
    x, y = place(position, size, rng)
    return Item(
        shape=str(rng.choice(words.SHAPES)),
        colour=str(rng.choice(list(words.COLOURS))),
        size=size,
        position=position,
        pattern=str(rng.choice(words.PATTERNS, p=(0.76, 0.12, 0.12))),
        x=x,
        y=y,
        radius=float(rng.uniform(*RADII[size])),
        angle=float(rng.normal(0, 0.06)),
        near=float(rng.uniform(0.5, 0.75)),
    )


def _pair(rng: np.random.Generator) -> tuple[Item, ...]:
    first, second = [("left", "right"), ("top", "bottom"), ("top left", "bottom right"), ("bottom left", "top right")][
        int(rng.integers(4))
    ]
    sizes = rng.choice(["small", "medium"], 2)
    items = (draw_item(rng, first, str(sizes[0])), draw_item(rng, second, str(sizes[1])))
    return items if rng.random() < 0.5 else items[::-1]


def draw_scene(rng: np.random.Generator, *, style: str = "plain", training: bool = True) -> Scene:
    """A random scene: mostly one shape, sometimes two or none; in training, held-out combinations are redrawn."""
    while True:
        lot = rng.random()
        items = () if lot < 0.07 else _pair(rng) if lot < 0.22 else (draw_item(rng),)
        background = str(rng.choice(words.BACKGROUNDS, p=_SHARES))
        toned = background in ("plain", "striped", "checkered")
        tone = str(rng.choice(list(words.TONES))) if toned else None
        scene = Scene(items, background, tone, style)
        if not training or combination(scene) not in held_out():
            return scene


def asked(shape: str, colour: str, background: str, rng: np.random.Generator, *, style: str = "plain") -> Scene:
    """A scene with one held-out combination and random other attributes, for evaluation."""
    item = replace(draw_item(rng), shape=shape, colour=colour, pattern="plain")
    tone = "grey" if background in ("plain", "striped", "checkered") else None
    return Scene((item,), background, tone, style)


_SHARES = np.array([3, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 3.0]) / 16.8
