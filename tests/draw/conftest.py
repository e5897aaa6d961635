"""Drawings for the tests: made by hand, at random, and of documents."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st
from PIL import Image

from graphflow.catalog.catalog import default_catalog
from graphflow.check.check import check, no_library
from graphflow.check.checked import Checked
from graphflow.check.literals import Literals
from graphflow.check.read.resolve import resolve
from graphflow.check.read.resolved import Resolved
from graphflow.check.read.templates import Templates
from graphflow.document.parse import read_file
from graphflow.draw.drawing import Box, Drawing, Frame, Line, Pin

SOFTEN = """
graphflow: 1
name: soften
inputs:
  mask: {type: mask}
  blur: {type: float, default: 8}
nodes:
  grown: {type: mask_grow, mask: $mask, pixels: 4}
  soft: {type: mask_blur, mask: $grown, blur_factor: $blur}
outputs:
  mask: $soft
"""

TWELVE = """
graphflow: 1
name: twelve
inputs:
  photo: {type: image, default: photo.png}
  other: {type: image, default: other.png}
  blurs: {type: list of float, default: [2, 6]}
  invert: {type: bool, default: false}
nodes:
  small: {type: resize, image: $photo, width: 64, height: 64}
  back: {type: resize, image: $other, like: $small}
  disc: {type: mask_shape, like: $small, shape: ellipse, box: [0.1, 0.2, 0.7, 0.9]}
  edge: {type: mask_shape, like: $small, shape: rectangle, box: [0, 0, 0.5, 0.5]}
  both: {type: mask_combine, mask: $disc, other: $edge, operation: xor}
  turned: {type: mask_invert, mask: $both, when: $invert}
  chosen: {type: switch, condition: $invert, if_true: $turned, if_false: $both}
  soft: {template: ./soften.yaml, mask: $chosen}
  wide: {template: ./soften.yaml, mask: $edge, for_each: {blur: $blurs}}
  mixed: {type: overlay, image: $small, generated: $back, mask: $soft.mask}
  each: {type: overlay, image: $small, generated: $back, for_each: {mask: $wide.mask}}
  sheet: {type: image_grid, images: [$mixed, $each.image]}
outputs:
  sheet: $sheet
  first: "$wide.mask[0]"
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], tuple[Resolved, Checked]]:
    """Read a document beside `soften.yaml` and two pictures; it must have no problem."""
    (tmp_path / "soften.yaml").write_text(SOFTEN, encoding="utf-8")
    for name in ("photo.png", "other.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)

    def read_text(text: str) -> tuple[Resolved, Checked]:
        path = tmp_path / "graph.yaml"
        path.write_text(text, encoding="utf-8")
        document, problems = read_file(path)
        assert document is not None
        assert not problems
        catalog = default_catalog()
        literals = Literals(catalog)
        templates = Templates(catalog, literals, no_library)
        templates.prepare(document)
        checked = check(document, catalog)
        checked.require()
        return resolve(document, catalog, templates.find, literals), checked

    return read_text


def random_drawing(count: int, lines: int, seed: int, *, reach: int | None = None, frames: int = 0) -> Drawing:
    """A drawing whose lines go from smaller numbers to larger ones, over at most `reach`.

    Frames hold boxes whose numbers follow each other, so that no circle goes through a frame.
    """
    chance = random.Random(seed)
    ends: dict[tuple[int, int], None] = {}
    for _ in range(lines if count > 1 else 0):
        target = chance.randrange(1, count)
        ends[chance.randrange(max(0, target - (reach or count)), target), target] = None
    taken: dict[int, int] = {}
    joined = []
    for source, target in ends:
        joined.append(Line(source, chance.randrange(2), target, taken.get(target, 0)))
        taken[target] = taken.get(target, 0) + 1
    types = ("image", "mask", "latents", "list of image", "string", "image | mask")
    stride = max(count // frames, 1) if frames else 0
    boxes = tuple(
        Box(
            f"n{number}",
            "node",
            "node" * chance.randrange(1, 12),
            "type",
            tuple(Pin("port" * chance.randrange(1, 6), "image") for _ in range(taken.get(number, 0))),
            (Pin("out", types[number % 6]), Pin("second", types[seed % 6])),
            frame=min(number // stride, frames - 1) if frames else None,
            stacked=chance.random() < 0.2,
        )
        for number in range(count)
    )
    around = tuple(Frame(f"frame{number}/…") for number in range(frames))
    return Drawing("random", boxes, tuple(joined), around)


drawings = st.builds(
    random_drawing,
    st.integers(1, 24),
    st.integers(0, 50),
    st.integers(0, 10_000),
    reach=st.one_of(st.none(), st.integers(1, 6)),
    frames=st.integers(0, 5),
)
