"""Check a document that is written in a folder of its own, with the toy node types."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.document.parse import read_file
from graphflow.values.raster import Image, Mask
from tests.check.random_graphs import CATALOG


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pictures: photo.png (8 × 6), mask.png (8 × 6), photos/1.png to 3.png."""
    monkeypatch.chdir(tmp_path)
    Image(bytes(8 * 6 * 3), 8, 6).save("photo.png")
    Mask(bytes(8 * 6), 8, 6).save("mask.png")
    Path("photos").mkdir()
    for number in (1, 2, 3):
        Image(bytes([number]) * (4 * 4 * 3), 4, 4).save(f"photos/{number}.png")
    return tmp_path


@pytest.fixture
def checked(folder: Path) -> Callable[..., Checked]:
    """Write the document (without its version) as g.yaml and check it."""

    def run(text: str, **inputs: object) -> Checked:
        Path("g.yaml").write_text("graphflow: 1\n" + dedent(text), encoding="utf-8")
        document, problems = read_file(Path("g.yaml"))
        assert document is not None, problems
        return check(document, CATALOG, inputs=inputs, problems=problems)

    return run


@pytest.fixture
def told(checked: Callable[..., Checked]) -> Callable[..., list[str]]:
    """`LINE:COLUMN CODE` of every problem of a document; its first line is line 2, after the version."""

    def run(text: str, **inputs: object) -> list[str]:
        found = checked(text, **inputs).problems
        return [f"{one.place.line}:{one.place.column} {one.code}" for one in found]

    return run
