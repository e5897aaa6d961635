from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny import make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random checkpoint."""
    return partial(make, folder=tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """A picture of 64×64 random pixels."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


@pytest.fixture(scope="session")
def mask() -> Image.Image:
    """A mask of 64×64 with a white rectangle."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 8, 48, 40))
    return mask


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], Callable[[Any], Any]]:
    """Counts of decodes of the VAE class itself and of what the loader is asked for, and the loader for an engine."""
    from diffusers import AutoencoderKL

    from graphflow.execute.loader import load

    counts: Counter[str] = Counter()
    decode = AutoencoderKL.decode

    def counting(self, *arguments, **keywords):
        counts["decode"] += 1
        return decode(self, *arguments, **keywords)

    def loader(component):
        counts[component.spec.files.role] += 1
        return load(component)

    monkeypatch.setattr(AutoencoderKL, "decode", counting)
    return counts, loader
