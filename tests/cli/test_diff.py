"""`graphflow diff`: its lines, its JSON and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as gf
from graphflow.cli import main

GRAPH = """graphflow: 1
inputs: {photo: {type: image, default: photo.png}, width: {type: int, default: 20}}
nodes:
  small: {type: resize, image: $photo, width: $width}
  soft: {type: mask_blur, mask: $small, blur_factor: 4}
outputs: {small: $small, soft: $soft}
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Call the command line in a folder with `a.yaml` and a photo; returns its exit code, its lines and its errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(GRAPH)
    gf.Image.of(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / "photo.png")

    def call(*words: str) -> tuple[int, list[str], str]:
        capsys.readouterr()
        code = main(list(words))
        shown = capsys.readouterr()
        return code, shown.out.splitlines(), shown.err

    return call


def test_equal_graphs_have_no_differences(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(
        "# a comment\n" + GRAPH.replace("small: {type: resize, ", "small: {type: 'resize', ")
    )
    assert call("diff", "a.yaml", "b.yaml") == (0, ["nothing differs"], "")
    assert call("diff", "inpaint", "inpaint")[0] == 0
    assert json.loads("\n".join(call("diff", "a.yaml", "b.yaml", "--json")[1]))["equal"] is True


def test_changes_of_a_graph_are_listed_by_section(call: Callable[..., Any], tmp_path: Path) -> None:
    text = (
        GRAPH.replace("default: 20", "default: 30").replace("soft", "blurred").replace("mask: $small", "mask: $photo")
    )
    (tmp_path / "b.yaml").write_text(text.replace("nodes:\n", "nodes:\n  new: {type: mask_invert, mask: $photo}\n"))
    code, lines, _ = call("diff", "a.yaml", "b.yaml")
    assert code == 1
    assert lines == [
        "inputs:",
        "  width.default: 20 → 30",
        "nodes:",
        "  - soft (mask_blur)",
        "  + new (mask_invert)",
        "  + blurred (mask_blur)",
        "outputs:",
        "  - soft ($soft)",
        "  + blurred ($blurred)",
    ]
    code, lines, _ = call("diff", "a.yaml", "b.yaml", "--json")
    told = json.loads("\n".join(lines))
    assert code == 1
    assert told["graph"][0] == {
        "section": "inputs", "kind": "changed", "name": "width.default", "before": "20", "now": "30",
    }  # fmt: skip


def test_pictures_are_compared_with_all_that_made_them(call: Callable[..., Any]) -> None:
    assert call("run", "a.yaml", "--out", "one")[0] == 0
    assert call("run", "a.yaml", "--out", "two")[0] == 0
    assert call("diff", "one/small.png", "two/small.png") == (0, ["nothing differs"], "")
    assert call("diff", "one", "two/run.json") == (0, ["nothing differs"], "")
    assert call("run", "a.yaml", "--out", "three", "--set", "soft.blur_factor=1", "--seed", "3")[0] == 0
    code, lines, _ = call("diff", "one/soft.png", "three/soft.png")
    assert code == 1
    assert lines[:3] == ["nodes:", "  soft.blur_factor: 4 → 1", "values of the run:"]
    assert lines[3] == "  the run's seed: 0 → 3"
    assert lines[4].startswith("pixels: ")
    assert " differ, by at most " in lines[4]
    # The small picture is the same in both runs.
    assert call("diff", "one", "three")[1][4].startswith("soft: ")
    assert call("diff", "one/small.png", "three/small.png")[1][-1] == "pixels: equal"


def test_sizes_inputs_and_libraries_are_compared(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphflow.record import environment

    assert call("run", "a.yaml", "--out", "one")[0] == 0
    first = environment._versions
    monkeypatch.setattr(environment, "_versions", lambda names: {**first(names), "Pillow": "9.0.1"})
    assert call("run", "a.yaml", "--out", "two", "--set", "width=30")[0] == 0
    code, lines, _ = call("diff", "one/small.png", "two/small.png")
    assert code == 1
    assert lines[:3] == ["values of the run:", "  width: 20 → 30", "machine and libraries:"]
    assert lines[3].startswith("  Pillow: ")
    assert lines[3].endswith("→ 9.0.1")
    assert lines[4] == "pixels: 20 × 13 → 30 × 20"
    told = json.loads("\n".join(call("diff", "one", "two", "--json")[1]))
    assert told["values"] == [{"name": "width", "before": 20, "now": 30}]
    assert told["pixels"]["small"]["before"] == [20, 13]


def test_other_outputs_of_one_run_differ_in_what_they_show(call: Callable[..., Any]) -> None:
    assert call("run", "a.yaml", "--out", "one")[0] == 0
    code, lines, _ = call("diff", "one/small.png", "one/soft.png")
    assert code == 1
    assert lines[0] == "shown output: small → soft"


def test_a_picture_is_compared_with_a_document_as_a_graph(call: Callable[..., Any]) -> None:
    assert call("run", "a.yaml", "--out", "one", "--set", "width=30")[0] == 0
    assert call("diff", "a.yaml", "one/small.png") == (1, ["inputs:", "  width.default: 20 → 30"], "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.yaml", "none.yaml"), "there is no graph none.yaml"),
        (("a.yaml", "phot.png"), "there is no graph phot.png\n  fix: did you mean photo.png?"),
        (("a.yaml", "photo.png"), "photo.png contains no record of a run"),
        (("broken.yaml", "a.yaml"), "this is not YAML"),
        (("a.yaml",), "the following arguments are required: B"),
    ],
)
def test_wrong_calls_are_refused(
    call: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "broken.yaml").write_text("graphflow: [")
    code, _, error = call("diff", *words)
    assert code == 2
    assert message in error
