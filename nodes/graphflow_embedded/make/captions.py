"""Captions of drawn scenes, worded at random."""

from __future__ import annotations

import numpy as np

from graphflow_embedded.make.scene import Item, Scene
from graphflow_embedded.make.words import (
    BACKGROUND_PHRASES,
    EMPTY_PHRASES,
    POSITION_PHRASES,
    PREFIXES,
    STRAYS,
    STYLE_PREFIXES,
    STYLE_SUFFIXES,
    SUFFIXES,
)


def item_phrase(item: Item, rng: np.random.Generator, *, full: bool = False) -> str:
    """Words for one shape, such as `large striped red heart`; attributes are named or left out at random."""
    words = []
    if item.size != "medium" and (full or rng.random() < 0.8):
        words.append(item.size if item.size == "small" or full or rng.random() < 0.8 else "big")
    if item.pattern != "plain" and (full or rng.random() < 0.85):
        words.append(item.pattern)
    if full or rng.random() < 0.92:
        words.append(item.colour)
    words.append(item.shape)
    return "a " + " ".join(words) if not words[0].startswith(("o",)) else "an " + " ".join(words)


def caption(scene: Scene, rng: np.random.Generator, *, full: bool = False) -> str:
    """A caption of `scene`, worded by `rng`; `full` names every attribute (for evaluation)."""
    tone = scene.tone or "grey"
    if not scene.items:
        body = _pick(EMPTY_PHRASES[scene.background], rng).format(tone=tone)
    else:
        body = " and ".join(_item_with_place(item, rng, full, len(scene.items)) for item in scene.items)
        if full or rng.random() < 0.8:
            body += _pick(BACKGROUND_PHRASES[scene.background], rng).format(tone=tone)
    return _styled(scene.style, body, rng) if scene.style != "plain" else _wrapped(body, rng)


def _item_with_place(item: Item, rng: np.random.Generator, full: bool, count: int) -> str:
    phrase = item_phrase(item, rng, full=full)
    if full or rng.random() < (0.6 if count == 1 else 0.8):
        phrase += " " + _pick(POSITION_PHRASES[item.position], rng)
    return phrase


def _wrapped(body: str, rng: np.random.Generator) -> str:
    return _pick(PREFIXES, rng) + body + _pick(SUFFIXES, rng)


def _styled(style: str, body: str, rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        return _pick(STYLE_PREFIXES[style], rng) + body
    return body + _pick(STYLE_SUFFIXES[style], rng)


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def with_strays(text: str, rng: np.random.Generator) -> str:
    """`text`, with a probability of 20 % with one or two words that no caption uses, since prompts have such words."""
    if rng.random() > 0.2:
        return text
    parts = text.split(" ")
    for _ in range(int(rng.integers(1, 3))):
        parts.insert(int(rng.integers(len(parts) + 1)), _pick(STRAYS, rng))
    return " ".join(parts)
