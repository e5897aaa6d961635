"""The held-out combinations and seeds: written once and committed before training, never changed afterwards."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

from graphflow_embedded.make import words

FIRST_JUDGING_SEED = 9_000_000
"""Training seeds stay below; evaluation uses seeds from here on."""


def write(path: Path) -> int:
    """Write one in ten of all (shape, colour, background) combinations, chosen by hash; returns how many."""
    chosen = [
        combination
        for combination in itertools.product(words.SHAPES, words.COLOURS, words.BACKGROUNDS)
        if hashlib.sha256("/".join(combination).encode()).digest()[0] % 10 == 0
    ]
    document = {"first_judging_seed": FIRST_JUDGING_SEED, "combinations": chosen}
    text = json.dumps(document, indent=None).replace("], [", "],\n  [")
    path.write_text(text + "\n", encoding="utf-8")
    return len(chosen)
