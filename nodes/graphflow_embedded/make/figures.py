"""Figures: measured values and their targets, kept as JSON from which the cards are written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from graphflow.checkpoints import embedded
from graphflow_embedded.make import store
from graphflow_embedded.make.stats import Share


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    what: str
    found: str
    """With its 95 % interval if it has one."""
    wanted: str = ""
    """The target in words; empty if there is none."""
    met: bool | None = None


def at_least(what: str, found: Share, percent: float) -> Figure:
    """A share that should reach `percent`; the point estimate decides."""
    return Figure(what, found.text(), f"≥ {percent:g} %", 100 * found.value >= percent)


def cards() -> Path:
    """The folder of the cards."""
    return embedded.folder() / "cards"


def keep(name: str, found: list[Figure]) -> None:
    """Replace the figures of measurement `name`."""
    path = cards() / "figures.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = [asdict(figure) for figure in found]
    store.write_json(path, dict(sorted(known.items())))


def kept() -> dict[str, list[Figure]]:
    """All figures measured so far."""
    path = cards() / "figures.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: [Figure(**entry) for entry in entries] for name, entries in known.items()}


def show(image: Image.Image, name: str) -> None:
    """Keep a grid beside the cards, as a JPEG."""
    cards().mkdir(parents=True, exist_ok=True)
    image.convert("RGB").save(cards() / f"{name}.jpg", quality=88)


def mean_gap(values: np.ndarray, others: np.ndarray) -> str:
    """Mean difference of two paired rows with its 95 % interval."""
    gap = np.asarray(values) - np.asarray(others)
    half = 1.96 * float(gap.std(ddof=1)) / len(gap) ** 0.5
    return f"{gap.mean():+.2f} ({gap.mean() - half:+.2f} to {gap.mean() + half:+.2f})"
