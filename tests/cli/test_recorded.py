"""Commands that take a picture or run.json of a run."""

from __future__ import annotations

import json

from PIL import Image


def test_a_picture_is_run_checked_and_copied(graphflow, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: $w}", inputs="w: {type: int, default: 30}")
    assert graphflow("run", "g.yaml", "--out", "a", "--set", "w=20", "--seed", "5").returncode == 0
    done = graphflow("run", "a/small.png", "--out", "b")
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "b" / "small.png") as picture:
        assert picture.width == 20
    assert json.loads((folder / "b" / "run.json").read_text())["seed"] == 5
    assert graphflow("check", "--strict", "a/small.png", "a/run.json").returncode == 0
    assert graphflow("new", "mine.yaml", "--from", "a/small.png").returncode == 0
    text = (folder / "mine.yaml").read_text()
    assert "default: 20" in text
    assert "seed: {type: int, default: 5" in text
    assert graphflow("check", "--strict", "mine.yaml").returncode == 0


def test_a_run_does_not_replace_the_picture_that_it_reads(graphflow, write, folder):
    write("g.yaml", "small: {type: resize, image: $photo, width: 30}")
    graphflow("run", "g.yaml", "--out", "a")
    done = graphflow("run", "a/small.png", "--out", "a")
    assert done.returncode == 2
    assert "small.png" in done.stderr
