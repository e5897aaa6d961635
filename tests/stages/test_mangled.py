"""A checkpoint with a broken file is told by check beside all other problems, and never ends in an error of our own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.problems import Level
from tests.stages.mangle import changes, mangled

DOCUMENT = """
graphflow: 1
inputs:
  unread: {{type: int, default: 1}}
nodes:
  paint: {{type: text2img, checkpoint: {checkpoint}, prompt: a cat, num_inference_steps: 2}}
"""


def codes(checkpoint: Path, folder: Path) -> list[str]:
    """The codes of a graph's problems; one that nothing but the document has is among them."""
    document = folder / "graph.yaml"
    document.write_text(DOCUMENT.format(checkpoint=checkpoint), encoding="utf-8")
    found = gf.load(document).check().problems
    assert "unused-input" in {problem.code for problem in found}
    return [problem.code for problem in found if problem.level is Level.PROBLEM]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "values", "least"), [("sd", 1, 170), ("sdxl", None, 100)])
def test_every_broken_file_is_told_beside_the_other_problems(name, values, least, tiny, tmp_path):
    source = tiny(name)
    told, fine = [], []
    for number, (what, path, change) in enumerate(changes(source, seed=number_of(name), values=values)):
        target = mangled(source, tmp_path / f"{number}", path, change)
        found = codes(target, tmp_path)
        (told if found else fine).append(what)
        shutil.rmtree(target)
    weights = [what for what in fine if "safetensors" in what]
    assert not weights, weights
    assert not [what for what in fine if what.endswith((" gone", " empty", " cut", " nested", " no text"))]
    assert len(told) >= least


def number_of(name: str) -> int:
    """A seed of its own for each checkpoint."""
    return sum(map(ord, name))
