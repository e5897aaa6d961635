"""Python's own switches change nothing: no asserts, no docstrings, warnings that are errors."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "graphflow").rglob("*.py"), *(ROOT / "nodes" / "graphflow_nodes").rglob("*.py")]


def test_nothing_that_runs_is_an_assert():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert len(SOURCES) > 100
    assert found == []


def picture(folder: Path, **environment: str) -> bytes:
    """The picture of a run on the command line under these variables."""
    call = [sys.executable, "-m", "graphflow", "run", "text2img", "--set", "steps=1", "--device", "cpu", "--out", "."]
    done = subprocess.run(
        [*call, "--no-metadata"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "image.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["PYTHONOPTIMIZE=2", "PYTHONWARNINGS=error"])
def test_a_run_under_pythons_switches_gives_the_same_picture(tmp_path, variable):
    plain, switched = tmp_path / "plain", tmp_path / "switched"
    plain.mkdir()
    switched.mkdir()
    name, _, value = variable.partition("=")
    assert picture(switched, **{name: value}) == picture(plain)


def test_without_docstrings_node_types_are_listed_without_their_help(tmp_path):
    call = [sys.executable, "-OO", "-m", "graphflow", "nodes", "text2img"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "num_inference_steps" in done.stdout
    assert "python -OO" in done.stderr
