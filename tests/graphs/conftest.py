from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random checkpoint."""
    return partial(make, folder=tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture of a size that no model paints, of random pixels."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (75, 101, 3), np.uint8))


@pytest.fixture(scope="session")
def mask(photo: Image.Image) -> Image.Image:
    """A mask for it, with a white rectangle."""
    mask = Image.new("L", photo.size)
    mask.paste(255, (30, 15, 70, 50))
    return mask
