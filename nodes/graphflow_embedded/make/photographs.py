"""Eight public-domain or CC0 photographs from scikit-image's wheel, for evaluation only, not for training."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("astronaut", "brick", "camera", "chelsea", "clock_motion", "coffee", "hubble_deep_field", "rocket")
"""NASA, SpaceX (public domain), Stefan van der Walt, Rachel Michetti, Lav Varshney, CC0Textures (CC0)."""


def square(name: str, size: int) -> np.ndarray:
    """The middle square of a photograph, (size, size, 3) uint8.

    Raises:
        RuntimeError: scikit-image isn't installed.
    """
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise RuntimeError("the photographs come from scikit-image: pip install --no-deps scikit-image")
    folder = Path(found.origin).parent / "data"
    path = next(path for path in folder.glob(f"{name}.*") if path.suffix in (".png", ".jpg"))
    photo = Image.open(path).convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return np.asarray(photo.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS))
