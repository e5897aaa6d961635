"""Drawn pictures as arrays on disk, in chunks, so that a killed run continues where it stopped."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

from graphflow_embedded.make import styles, words
from graphflow_embedded.make.captions import caption
from graphflow_embedded.make.render import render
from graphflow_embedded.make.scene import Scene, draw_scene

SIZE = 128
"""Width and height of every picture in pixels."""
CHUNK = 500
WORDINGS = 4
"""Captions per picture; training picks one each time it sees the picture."""
LABELS = ("shape", "colour", "size", "position", "pattern", "background", "style")


@dataclass(frozen=True)
class Pictures:
    """Drawn pictures, the first axis counting them."""

    pixels: np.ndarray
    """(N, 128, 128, 3) uint8."""
    depth: np.ndarray
    """(N, 128, 128) uint8, 255 nearest."""
    shapes: np.ndarray
    """(N, 128, 128) uint8, 255 on a shape."""
    labels: np.ndarray
    """(N, 7) int16 in the order of LABELS; -1 unless the picture has exactly one shape (empty: shape = 8)."""
    captions: np.ndarray
    """(N, 4) str."""

    def __len__(self) -> int:
        return len(self.pixels)

    def first(self, count: int) -> Pictures:
        """The first `count` rows."""
        return Pictures(**{field.name: getattr(self, field.name)[:count] for field in fields(self)})


def picture(seed: int, style: str) -> tuple[np.ndarray, ...]:
    """The training picture of a seed: the row of each array of `Pictures`."""
    rng = np.random.default_rng([seed, 0])
    scene = draw_scene(rng, style=style)
    drawn = render(scene, seed, SIZE)
    pixels = styles.apply(drawn, style, seed)
    texts = [caption(scene, rng) for _ in range(WORDINGS)]
    return pixels, drawn.depth, drawn.shapes, labels(scene), np.array(texts, dtype="U128")


def labels(scene: Scene) -> np.ndarray:
    """The labels that the judge should read from a picture of `scene`, (7,) int16."""
    result = np.full(len(LABELS), -1, np.int16)
    result[5:] = words.BACKGROUNDS.index(scene.background), words.STYLES.index(scene.style)
    if not scene.items:
        result[0] = len(words.SHAPES)
    if len(scene.items) == 1:
        item = scene.items[0]
        result[0], result[1] = words.SHAPES.index(item.shape), list(words.COLOURS).index(item.colour)
        result[2], result[3] = words.SIZES.index(item.size), words.POSITIONS.index(item.position)
        result[4] = words.PATTERNS.index(item.pattern)
    return result


def _chunk(start: int, style: str, folder: Path) -> Path:
    path = folder / f"{style}-{start:08d}.npz"
    if not path.exists():
        rows = [picture(seed, style) for seed in range(start, start + CHUNK)]
        names = [field.name for field in fields(Pictures)]
        part = path.with_suffix(".part.npz")
        np.savez(part, **{name: np.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
        part.rename(path)
    return path


def drawn(folder: Path, count: int, *, style: str = "plain", first: int = 0, processes: int = 1) -> Pictures:
    """`count` pictures of seeds from `first` on, drawn if they aren't in `folder` yet.

    `count` and `first` are multiples of CHUNK.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(first, first + count, CHUNK)
    work = partial(_chunk, style=style, folder=folder)
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            paths = list(pool.map(work, starts))
    else:
        paths = [work(start) for start in starts]
    parts = [np.load(path) for path in paths]
    return Pictures(**{f.name: np.concatenate([part[f.name] for part in parts]) for f in fields(Pictures)})


def joined(*parts: Pictures) -> Pictures:
    """All of `parts`, one after the other."""
    return Pictures(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Pictures)})
