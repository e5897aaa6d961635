"""Sweeps: a graph run for each combination of values, with its pictures in a grid."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import graphflow as gf
from graphflow.document.parse import parse
from graphflow.sweeps.layout import caption_lines, columns_of
from graphflow.values.types import FLOAT, INT, STRING


@gf.node()
def paint(*, shade: int = 0, seed: gf.Seed, name: str = "") -> gf.Image:
    """A picture whose red is a shade, and whose other colours are two digits of the seed."""
    return gf.Image.of(np.full((4, 6, 3), (shade, seed % 256, seed // 256 % 256), np.uint8))


@gf.node()
def colours(image: gf.Image) -> str:
    return str(image.array[0, 0].tolist())


CATALOG = gf.default_catalog().extended(paint, colours)
GRAPH = """
name: shades
inputs:
  shade: {type: int, default: 7, min: 0, max: 255}
  word: {type: string, default: none}
nodes:
  one: {type: paint, shade: $shade, name: $word}
outputs: {picture: $one}
"""


def graph(text: str = GRAPH, folder: Path | None = None) -> gf.Graph:
    document, problems = parse("graphflow: 1\n" + dedent(text), "g.yaml", folder)
    assert document is not None, problems
    return gf.Graph.of(document, catalog=CATALOG)


def refused(over: dict[str, object], text: str = GRAPH) -> list[tuple[str, str]]:
    with pytest.raises(gf.InvalidGraph) as error:
        gf.sweep(graph(text), over)
    return [(problem.code, str(problem.place)) for problem in error.value.problems]


def test_each_combination_is_what_the_graph_makes_alone():
    result = gf.run(gf.sweep(graph(), {"shade": [1, 2], "word": ["a", "b", "$c"]}), catalog=CATALOG)
    alone = [gf.run(graph(), inputs={"shade": shade}, catalog=CATALOG)["picture"] for shade in (1, 2)]
    assert result["picture"] == (alone[0],) * 3 + (alone[1],) * 3
    assert list(result) == ["picture", "picture_grid"]


def test_the_last_name_varies_fastest_and_gives_the_columns():
    swept = gf.sweep(graph(), {"shade": [1, 2], "word": ["a", "b", "$c"]})
    (grid,) = [node for node in swept.check().nodes if node.type.name == "image_grid"]
    captions = [source.value for source in grid.sources["captions"].items]
    assert captions == [f"shade {shade}, word {word}" for shade in (1, 2) for word in ("a", "b", "$c")]
    assert grid.params["columns"] == 3


@pytest.mark.parametrize(
    ("counts", "columns"),
    [([1], 1), ([5], 5), ([6], 3), ([7], 4), ([8], 4), ([10], 5), ([16], 4), ([3, 4], 4), ([2, 3, 5], 5), ([9, 1], 1)],
)
def test_long_lists_become_blocks(counts: list[int], columns: int):
    assert columns_of(counts) == columns


@pytest.mark.parametrize(
    ("types", "lines"),
    [([None], 1), ([FLOAT], None), ([FLOAT, INT], None), ([STRING], None), ([STRING, None], 3), ([INT] * 4, 4)],
)
def test_captions_have_room_for_the_values(types: list[object], lines: int | None):
    assert caption_lines(types) == lines


def test_the_seed_of_the_run_is_that_of_every_combination():
    swept = gf.sweep(graph(), {"shade": [1, 2]})
    for seed in (0, 5):
        result = gf.run(swept, seed=seed, catalog=CATALOG)
        alone = [gf.run(graph(), inputs={"shade": shade}, seed=seed, catalog=CATALOG)["picture"] for shade in (1, 2)]
        assert list(result["picture"]) == alone


def test_seeds_are_those_of_runs_alone_in_a_graph_without_an_input_for_it():
    result = gf.run(gf.sweep(graph(), {"seed": range(3, 6)}), catalog=CATALOG)
    assert list(result["picture"]) == [gf.run(graph(), seed=seed, catalog=CATALOG)["picture"] for seed in (3, 4, 5)]
    assert len(set(result["picture"])) == 3


def test_seeds_set_the_input_of_that_name_too():
    text = GRAPH.replace("inputs:", "inputs:\n  seed: {type: int, default: 92, min: 0}").replace(
        "outputs: {", "  two: {type: paint, seed: $seed}\noutputs: {other: $two, "
    )
    result = gf.run(gf.sweep(graph(text), {"seed": [3, 4]}), catalog=CATALOG)
    for number, seed in enumerate((3, 4)):
        alone = gf.run(graph(text), seed=seed, catalog=CATALOG)
        assert [result[name][number] for name in ("picture", "other")] == [alone["picture"], alone["other"]]
    assert refused({"seed": [-1]}, text) == [("bad-value", "over seed")]


def test_values_of_nodes_become_inputs():
    swept = gf.sweep(graph(), {"one.shade": [1, 2]})
    assert [picture.array[0, 0, 0] for picture in gf.run(swept, catalog=CATALOG)["picture"]] == [1, 2]
    labels = gf.run(swept, only=["each.labels"], catalog=CATALOG)["each.labels"]
    # The graph has an input with the name of the param already.
    assert labels == ("one_shade 1", "one_shade 2")


def test_inputs_that_are_not_swept_stay_inputs():
    swept = gf.sweep(graph(), {"word": ["a", "b"]})
    assert list(swept.document.inputs) == ["shade", "seed"]
    assert gf.run(swept, inputs={"shade": 9}, catalog=CATALOG)["picture"][1].array[0, 0, 0] == 9


def test_equal_work_is_done_once():
    swept = gf.sweep(graph(), {"word": ["a", "b"], "shade": [1, 1]})
    assert len([step for step in swept.plan().steps if step.path.startswith("each")]) == 2


def test_a_saved_sweep_is_the_same_graph(tmp_path: Path):
    swept = gf.sweep(graph(folder=tmp_path), {"shade": [1, 2], "word": ["$a", "b"]})
    saved = gf.load(swept.save(tmp_path / "deep.yaml"), catalog=CATALOG)
    assert saved == swept
    assert gf.run(saved, catalog=CATALOG)["picture_grid"] == gf.run(swept, catalog=CATALOG)["picture_grid"]
    again = gf.sweep(saved, {"seed": [1, 2]})
    assert len(gf.run(again, catalog=CATALOG)["picture_grid_grid"].pil().getcolors()) > 2


def test_pictures_come_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in (10, 9):
        gf.Image.of(np.full((3, 3, 3), number, np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    text = "inputs: {photo: {type: image}}\nnodes: {small: {type: resize, image: $photo, width: 2}}"
    swept = gf.sweep(graph(text, tmp_path), {"photo": "photos"})
    assert [picture.array[0, 0, 0] for picture in gf.run(swept, catalog=CATALOG)["small"]] == [9, 10]
    grid = swept.check().nodes[-1]
    assert [source.value for source in grid.sources["captions"].items] == ["photo 9", "photo 10"]


def test_outputs_that_are_not_pictures_have_no_grid_and_lists_are_left_out():
    text = GRAPH.replace(
        "outputs: {",
        "  each: {type: paint, for_each: {shade: [1, 2]}}\n  said: {type: colours, image: $one}\n"
        "outputs: {all: $each, said: $said, ",
    )
    result = gf.run(gf.sweep(graph(text), {"shade": [1, 2]}), catalog=CATALOG)
    assert set(result) == {"said", "picture", "picture_grid"}
    assert len(result["said"]) == 2


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ({"shede": [1]}, ("unknown-input", "over shede")),
        ({"two.shade": [1]}, ("unknown-name", "over two.shade")),
        ({"one.shape": [1]}, ("unknown-key", "over one.shape")),
        ({"shade": []}, ("wrong-shape", "over shade")),
        ({"shade": 3}, ("wrong-shape", "over shade")),
        ({"word": "abc"}, ("wrong-shape", "over word")),
        ({"shade": [1, "two"]}, ("bad-value", "over shade")),
        ({"shade": [1, 256]}, ("bad-value", "over shade")),
        ({"shade": [[1]]}, ("wrong-shape", "over shade")),
        ({"one.shade": [1.5]}, ("bad-value", "over one.shade")),
        ({"seed": [2**64]}, ("bad-value", "over seed")),
    ],
)
def test_wrong_values_are_refused_where_they_are_given(over: dict[str, object], found: tuple[str, str]):
    assert refused(over) == [found]


def test_a_list_input_cannot_be_swept():
    text = "inputs: {masks: {type: list of image}}\nnodes: {grid: {type: image_grid, images: $masks}}"
    assert refused({"masks": [["a.png"]]}, text)[0] == ("nested-list", "over masks")


def test_a_graph_without_a_picture_is_refused():
    text = GRAPH.replace("outputs: {picture: $one}", "  said: {type: colours, image: $one}\noutputs: {said: $said}")
    assert refused({"shade": [1]}, text) == [("type-mismatch", "over shade")]


def test_a_graph_that_draws_nothing_at_random_has_no_seed():
    text = "nodes: {spot: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 4, height: 4}}"
    assert refused({"seed": [1, 2]}, text) == [("unknown-input", "over seed")]


def test_faults_of_the_graph_are_at_their_place_in_it():
    assert refused({"shade": [1]}, GRAPH.replace("name: $word", "nane: $word")) == [("unknown-key", "g.yaml:8:37")]


def test_a_fault_of_one_combination_names_it():
    text = """
        inputs: {width: {type: int, default: 8}}
        nodes:
          spot: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: $width, height: 4}
    """
    (problem,) = [one for one in gf.sweep(graph(text), {"width": [8, -8]}).check().problems if one.code == "bad-value"]
    assert (str(problem.place), problem.used[0][1]) == ("g.yaml:5:70", "each[1]")


def test_a_map_of_lists_is_needed():
    with pytest.raises(gf.InvalidValue, match="there is nothing to vary"):
        gf.sweep(graph(), {})
    with pytest.raises(gf.InvalidValue, match="a list of 1 is not a map of values"):
        gf.sweep(graph(), [("shade", [1])])  # type: ignore[arg-type]


def test_a_set_is_refused_since_it_has_no_order():
    assert refused({"word": {"a", "b"}}) == [("wrong-shape", "over word")]
