"""`graphflow sweep` and `graphflow run --count`: many pictures from one command, each of which can be made again."""

from __future__ import annotations

import json

import pytest
from PIL import Image

NODES = """
import numpy as np
from graphflow import Image, Seed, node

@node()
def paint(*, shade: int = 0, seed: Seed) -> Image:
    return Image.of(np.full((4, 6, 3), (shade, seed % 256, seed // 256 % 256), np.uint8))
"""
GRAPH = """graphflow: 1
inputs:
  shade: {type: int, default: 7, min: 0, max: 255}
  seed: {type: int, default: 92, min: 0}
nodes:
  given: {type: paint, shade: $shade, seed: $seed}
  derived: {type: paint, shade: $shade}
  both: {type: image_grid, images: [$given, $derived]}
outputs: {image: $both}
"""


@pytest.fixture
def sweep(graphflow, folder):
    (folder / "painting.py").write_text(NODES)
    (folder / "g.yaml").write_text(GRAPH)

    def call(*words: str, code: int = 0):
        done = graphflow(*words, "--nodes", "painting.py")
        assert done.returncode == code, done.stderr
        return done

    return call


def pictures(folder, pattern="image-*.png"):
    return [path.read_bytes() for path in sorted(folder.glob(pattern))]


def test_two_lists_make_a_grid_and_a_picture_for_each_combination(sweep, folder):
    done = sweep("sweep", "g.yaml", "--over", "shade=[1, 2, 3]", "--over", "seed=0..1", "--out", "here")
    names = [f"image-{number:03}.png" for number in range(6)]
    assert done.stdout.splitlines()[-1] == (
        f"wrote here: {', '.join(names)}, image_grid.png, events.jsonl, run.json, report.html"
    )
    with Image.open(folder / "here" / "image_grid.png") as grid, Image.open(folder / "here" / "image-000.png") as one:
        # Two columns and three rows, with a caption below each picture.
        assert grid.width == 8 + 2 * (one.width + 8)
        assert grid.height > 8 + 3 * (one.height + 8)


@pytest.mark.parametrize("over", [["seed=[3]"], ["shade=[9]", "--seed", "3"], ["given.shade=[7]", "--seed", "3"]])
def test_a_picture_of_a_sweep_is_the_one_that_a_run_alone_makes(over, sweep, folder):
    sweep("sweep", "g.yaml", "--over", *over, "--out", "swept")
    shade = "9" if "shade=[9]" in over else "7"
    sweep("run", "g.yaml", "--set", f"shade={shade}", "--seed", "3", "--out", "alone")
    with Image.open(folder / "swept" / "image-000.png") as one, Image.open(folder / "alone" / "image.png") as other:
        assert one.tobytes() == other.tobytes()


def test_count_writes_the_very_files_of_runs_with_the_seeds_that_the_grid_names(sweep, folder):
    sweep("run", "g.yaml", "--count", "3", "--set", "shade=4", "--seed", "254", "--out", "three")
    for seed in (254, 255, 256):
        sweep("run", "g.yaml", "--set", "shade=4", "--seed", str(seed), "--out", f"one{seed}")
    assert pictures(folder / "three") == [pictures(folder / f"one{seed}", "image.png")[0] for seed in (254, 255, 256)]
    labels = sweep("run", "g.yaml", "--count", "3", "--only", "each.labels", "--out", "labels")
    assert "each.labels.json" in labels.stdout
    assert json.loads((folder / "labels" / "each.labels.json").read_text()) == ["seed 92", "seed 93", "seed 94"]


def test_without_seed_the_seeds_start_at_the_one_of_the_graph(sweep, folder):
    sweep("run", "g.yaml", "--count", "2", "--out", "two")
    sweep("run", "g.yaml", "--seed", "93", "--out", "alone")
    assert pictures(folder / "two")[1] == pictures(folder / "alone", "image.png")[0]


def test_a_picture_of_a_sweep_can_be_run(sweep, folder):
    sweep("run", "g.yaml", "--count", "2", "--out", "two")
    for name in ("image-001.png", "image_grid.png"):
        sweep("run", f"two/{name}", "--out", f"again-{name}")
        again = "image.png" if name != "image_grid.png" else name
        with Image.open(folder / "two" / name) as one, Image.open(folder / f"again-{name}" / again) as other:
            assert one.tobytes() == other.tobytes()


def test_a_saved_sweep_runs_with_the_values_of_the_call(sweep, folder):
    (folder / "graphs").mkdir()
    call = ("sweep", "g.yaml", "--over", "given.shade=[1, 2]", "--set", "shade=5", "--seed", "6")
    assert "graphflow run graphs/s.yaml" in sweep(*call, "--save", "graphs/s.yaml").stdout
    assert "already exists" in sweep(*call, "--save", "graphs/s.yaml", code=2).stderr
    sweep(*call, "--out", "direct")
    sweep("check", "graphs/s.yaml", "--strict")
    sweep("run", "graphs/s.yaml", "--out", "saved")
    for one, other in zip(
        sorted((folder / "direct").glob("*.png")), sorted((folder / "saved").glob("*.png")), strict=True
    ):
        with Image.open(one) as first, Image.open(other) as second:
            assert (one.name, first.tobytes()) == (other.name, second.tobytes())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep", "g.yaml", "--over", "shade=3"], "--over shade: wrong-shape: the values of the input shade"),
        (["sweep", "g.yaml", "--over", "shade"], "--over shade: wrong-shape: 'shade' has no values"),
        (["sweep", "g.yaml", "--over", "shade=[1"], "--over shade: yaml-syntax"),
        (["sweep", "g.yaml", "--over", "shade=[a]"], "--over shade: bad-value: the input shade: 'a' is not an int"),
        (["sweep", "g.yaml", "--over", "shade=[300]"], "--over shade: bad-value: the input shade cannot be 300"),
        (["sweep", "g.yaml", "--over", "shade=0..99999999999"], "--over shade: over-limit"),
        (["sweep", "g.yaml", "--over", "shade=[1]", "--set", "shade=2"], "--over shade: name-taken"),
        (["sweep", "g.yaml", "--over", "shade=[1]", "--over", "shade=[1]"], "--over shade: name-taken"),
        (["sweep", "g.yaml", "--over", "shade=[1]", "--set", "shode=2"], "--set shode: unknown-input"),
        (["run", "g.yaml", "--count", "0"], "--count: bad-value"),
        (["run", "g.yaml", "--count", "3", "--seed", str(2**64 - 2)], "--count: bad-value"),
    ],
)
def test_wrong_calls_name_the_option(words, told, sweep):
    assert sweep(*words, code=2).stderr.startswith(told)


def test_a_seed_that_a_sweep_replaces_has_no_effect(sweep):
    done = sweep("sweep", "g.yaml", "--over", "seed=[1]", "--seed", "2", "--out", "here")
    assert "--seed: warning: no-effect" in done.stderr
