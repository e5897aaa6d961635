"""A hundred generated pictures, labelled by eye, on which the judge is evaluated.

The sheet and the labels are independent data: they don't change when checkpoints are trained again.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from graphflow_embedded.make import judge, pipes
from graphflow_embedded.make.asked import questions
from graphflow_embedded.make.data import SIZE
from graphflow_embedded.make.figures import Figure
from graphflow_embedded.make.stats import share

SHEET = Path(__file__).parent / "labelled.jpg"
"""Ten rows of ten pictures."""
LABELS = SHEET.with_suffix(".json")
"""Label → a word for each picture, row by row; null if it was unclear."""


def paint() -> None:
    """Paint the sheet: 70 pictures as usual, 30 with so little guidance that some go wrong."""
    pipe, asked_for = pipes.pipeline("StableDiffusionPipeline"), questions(100, offset=800_000)
    parts = [
        pipes.paint(pipe, [q.prompt for q in some], [q.seed for q in some], guidance_scale=guidance)
        for some, guidance in ((asked_for[:70], pipes.GUIDANCE), (asked_for[70:], 1.2))
    ]
    order = np.random.default_rng(0).permutation(100)
    pipes.sheet(np.concatenate(parts)[order], 10).save(SHEET, quality=95)


def figures() -> list[Figure]:
    """How often the judge agrees with the labels."""
    told = json.loads(LABELS.read_text(encoding="utf-8"))
    read, _ = judge.look(cut(np.asarray(Image.open(SHEET).convert("RGB"))))
    found = []
    for label, words in told.items():
        seen = [number for number, word in enumerate(words) if word is not None]
        same = np.array([judge.NAMES[label][read[label][number]] == words[number] for number in seen])
        what = f"{label} on {len(seen)} generated pictures labelled by eye"
        found.append(Figure(what, share(same).text()))
    return found


def cut(sheet: np.ndarray) -> np.ndarray:
    """The pictures (N, 128, 128, 3) of a sheet, row by row."""
    columns = sheet.shape[1] // SIZE
    return sheet.reshape(-1, SIZE, columns, SIZE, 3).swapaxes(1, 2).reshape(-1, SIZE, SIZE, 3)
