"""Tasks for evaluation: held-out combinations, with seeds above every training seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphflow_embedded.make import words
from graphflow_embedded.make.captions import caption
from graphflow_embedded.make.data import SIZE
from graphflow_embedded.make.heldout import FIRST_JUDGING_SEED
from graphflow_embedded.make.render import Picture, render
from graphflow_embedded.make.scene import Scene, asked, held_out


@dataclass(frozen=True)
class Asked:
    """One held-out scene, its drawing, and words for it."""

    scene: Scene
    picture: Picture
    prompt: str
    """Names every attribute."""
    short: str
    """Names shape, colour and background only."""
    seed: int

    def wanted(self, label: str) -> int:
        """The class number that the judge should read."""
        item = self.scene.items[0]
        answers = {
            "shape": words.SHAPES.index(item.shape),
            "colour": list(words.COLOURS).index(item.colour),
            "size": words.SIZES.index(item.size),
            "position": words.POSITIONS.index(item.position),
            "pattern": words.PATTERNS.index(item.pattern),
            "background": words.BACKGROUNDS.index(self.scene.background),
        }
        return answers[label]


def questions(count: int, *, style: str = "plain", offset: int = 0) -> list[Asked]:
    """`count` held-out scenes, without the background `photo`, which has no word of its own."""
    combinations = sorted(entry for entry in held_out() if entry[2] != "photo")
    return [_question(combinations, FIRST_JUDGING_SEED + offset + number, style) for number in range(count)]


def _question(combinations: list[tuple[str, str, str]], seed: int, style: str) -> Asked:
    rng = np.random.default_rng([seed, 0])
    shape, colour, background = combinations[seed % len(combinations)]
    scene = asked(shape, colour, background, rng, style=style)
    short = f"a {colour} {shape}" + words.BACKGROUND_PHRASES[background][0]
    if style != "plain":
        short = words.STYLE_PREFIXES[style][0] + short
    return Asked(scene, render(scene, seed, SIZE), caption(scene, rng, full=True), short, seed)


def right(read: dict[str, np.ndarray], asked_for: list[Asked], label: str) -> np.ndarray:
    """Whether the judge read what was asked for, (N,) bool."""
    return read[label] == np.array([each.wanted(label) for each in asked_for])
