"""Graphs read from pictures and run.json: the graph, inputs and seed of the run, and the files that it names."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as gf
from graphflow.errors import InvalidGraph
from graphflow.record.recorded_graph import read_recorded
from graphflow.record.run_record import RunRecord

GRAPH = """
graphflow: 1
name: small
inputs:
  photo: {type: image, default: photo.png}
  width: {type: int, default: 20}
  more: {type: list of image, default: [second.png]}
  note: {type: string, default: none}
  model: {type: checkpoint, default: embedded/sd}
nodes:
  small: {type: resize, image: $photo, width: $width}
  other: {type: resize, image: second.png, width: 9}
  grid: {type: image_grid, images: [$small, $more], captions: ["$note", "$note"]}
  paint: {type: text2img, checkpoint: $model, prompt: "sea", when: false}
outputs: {small: $small, other: $other, grid: $grid}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the graph, two pictures that it names, and a third one."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    (folder / "small.yaml").write_text(GRAPH)
    for number, name in enumerate(("photo.png", "second.png", "third.png")):
        gf.Image.of(np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)).save(folder / name)
    return folder


def _run(folder: Path, **options: Any) -> gf.Result:
    inputs = {"photo": folder / "third.png", "width": 12, "more": [folder / "photo.png"], "note": "$5 or 0x10"}
    return gf.run(folder / "small.yaml", inputs=inputs, record=folder.parent / "run", **options)


@pytest.mark.parametrize("file", ["small.png", "run.json"])
def test_a_file_of_a_run_repeats_the_run(folder: Path, file: str) -> None:
    result = _run(folder, seed=7)
    graph = gf.load(folder.parent / "run" / file)
    assert gf.run(graph).outputs == result.outputs
    checked = graph.check()
    assert checked.seed == 7
    assert (checked.inputs["width"], checked.inputs["note"]) == (12, "$5 or 0x10")
    assert not [problem for problem in checked.problems if problem.code == "unused-input" and "seed" in problem.message]


@pytest.mark.parametrize("format_", ["jpeg", "webp"])
def test_pictures_of_other_formats_are_graphs_too(folder: Path, format_: str) -> None:
    result = _run(folder, format=format_)
    (picture,) = (folder.parent / "run").glob("small.*")
    assert gf.run(picture).outputs == result.outputs


def test_inputs_can_be_given_anew(folder: Path) -> None:
    _run(folder, seed=7)
    result = gf.run(folder.parent / "run" / "small.png", inputs={"width": 5}, seed=8, only=["small"])
    assert result["small"].width == 5


def test_a_saved_graph_keeps_inputs_and_seed(folder: Path, tmp_path: Path) -> None:
    result = _run(folder, seed=7)
    graph = gf.load(folder.parent / "run" / "small.png")
    saved = graph.save(tmp_path / "elsewhere.yaml")
    assert gf.load(saved) == graph
    assert gf.run(saved).outputs == result.outputs
    assert gf.load(saved).check().seed == 7


def test_defaults_that_were_used_stay_as_written(folder: Path) -> None:
    gf.run(folder / "small.yaml", record=folder.parent / "run")
    recorded, written = gf.load(folder.parent / "run" / "small.png"), gf.load(folder / "small.yaml")
    assert recorded.document == written.document


def test_files_are_looked_for_beside_the_picture(folder: Path, tmp_path: Path) -> None:
    result = _run(folder)
    moved = tmp_path / "moved"
    shutil.move(folder, moved)
    shutil.copy(tmp_path / "run" / "small.png", moved / "picture.png")
    assert gf.run(moved / "picture.png").outputs == result.outputs


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    _run(folder)
    shutil.rmtree(folder)
    with pytest.raises(InvalidGraph) as error:
        gf.run(tmp_path / "run" / "small.png")
    assert {problem.code for problem in error.value.problems} == {"file-missing"}
    assert [name for name in ("photo.png", "second.png", "third.png") if name not in str(error.value)] == []


def test_a_value_made_in_python_has_to_be_given_again(folder: Path) -> None:
    photo = gf.Image(bytes(12), 2, 2)
    result = gf.run(folder / "small.yaml", inputs={"photo": photo}, record=folder.parent / "run")
    graph = gf.load(folder.parent / "run" / "small.png")
    assert [problem.code for problem in graph.check().problems if problem.level is gf.Level.PROBLEM] == [
        "input-missing"
    ]
    assert gf.run(graph, inputs={"photo": photo}).outputs == result.outputs


def test_a_seed_that_the_graph_cannot_contain_is_a_warning(tmp_path: Path) -> None:
    node = "{type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 8, height: 8}"
    (tmp_path / "g.yaml").write_text(f"graphflow: 1\nnodes: {{seed: {node}}}\n")
    gf.run(tmp_path / "g.yaml", seed=3, record=tmp_path / "run")
    parsed = read_recorded(tmp_path / "run" / "seed.png")
    assert parsed is not None
    assert [(problem.code, problem.fix) for problem in parsed.problems] == [("no-effect", "add --seed 3")]


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.webp"])
def test_a_picture_of_another_tool_is_refused(tmp_path: Path, name: str) -> None:
    gf.Image(bytes(12), 2, 2).save(tmp_path / name)
    assert read_recorded(tmp_path / name) is None
    with pytest.raises(InvalidGraph, match="picture, not a graph"):
        gf.load(tmp_path / name)


def test_a_picture_of_a_repeated_run_holds_a_record_like_the_first(folder: Path, tmp_path: Path) -> None:
    _run(folder, seed=7)
    gf.run(tmp_path / "run" / "small.png", record=tmp_path / "again")
    gf.run(tmp_path / "again" / "small.png", record=tmp_path / "third")
    second, third = (RunRecord.load(tmp_path / name / "small.png") for name in ("again", "third"))
    assert json.loads(second.recipe())["inputs"] == json.loads(third.recipe())["inputs"]
    assert second.document == third.document
    assert second.seed == third.seed == 7


def test_paths_of_the_call_are_found_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "inner").mkdir()
    (folder / "inner" / "small.yaml").write_text(
        GRAPH.replace("photo.png", "../photo.png").replace("second", "../third")
    )
    graph = gf.load("inner/small.yaml")
    graph.output(added=graph.add("resize", image="third.png", width=7))
    result = gf.run(graph, record=tmp_path / "run", only=["added"])
    monkeypatch.chdir(tmp_path)
    assert gf.run(tmp_path / "run" / "added.png", only=["added"]).outputs == result.outputs
