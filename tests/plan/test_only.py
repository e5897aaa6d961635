"""Results of nodes that are no outputs of the graph, asked for by name."""

from pathlib import Path
from typing import Any

import pytest

import graphflow as gf
from graphflow.errors import InvalidGraph

GRAPH = """
graphflow: 1
inputs: {photo: {type: image, default: photo.png}}
nodes:
  small: {type: resize, image: $photo, width: 20}
  spot: {type: mask_shape, like: $small, shape: ellipse, box: [0.2, 0.2, 0.8, 0.8]}
  soft: {type: mask_blur, mask: $spot, for_each: {blur_factor: [1, 2]}}
  sheet: {template: compare, images: [$small, $soft], captions: [a, b, c]}
  off: {type: mask_blur, mask: $spot, blur_factor: 1, when: false}
  left: {type: mask_invert, mask: $spot}
OUTPUTS
"""


@pytest.fixture(params=["outputs: {image: $sheet, left: $left, off: $off}", ""])
def graph(request: pytest.FixtureRequest, tmp_path: Path) -> gf.Graph:
    """The graph, with and without outputs of its own."""
    gf.Image(bytes(range(240)) * 5, 20, 20).save(tmp_path / "photo.png")
    (tmp_path / "g.yaml").write_text(GRAPH.replace("OUTPUTS", request.param))
    return gf.load(tmp_path / "g.yaml")


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"run.json", "events.jsonl", "report.html"}


def test_the_result_of_any_node_can_be_asked_for(graph: gf.Graph) -> None:
    result = gf.run(graph, only=["small", "spot.mask", "soft.labels", "sheet"])
    assert set(result.outputs) == {"small", "spot.mask", "soft.labels", "sheet"}
    assert isinstance(result["spot.mask"], gf.Mask)
    assert len(result["soft.labels"]) == 2
    assert result["sheet"].width > result["small"].width == 20


def test_only_what_it_needs_runs(graph: gf.Graph) -> None:
    assert {step.node.path for step in graph.plan(only=["spot"]).steps} == {"spot", "image:photo.png", "small"}
    assert graph.plan(only="spot") == graph.plan(only=["spot"])


def test_its_files_are_named_after_it(graph: gf.Graph, tmp_path: Path) -> None:
    gf.run(graph, only=["spot.mask", "soft", "left"], record=tmp_path / "run")
    named = {"spot.mask.png", "soft-000.png", "soft-001.png", "left.png"}
    assert _files(tmp_path / "run") == named
    gf.run(graph, only=["spot.mask"], record=tmp_path / "run", format="webp")
    assert _files(tmp_path / "run") == named - {"spot.mask.png"} - {"soft-000.png", "soft-001.png"} | {"spot.mask.webp"}
    assert gf.load(tmp_path / "run" / "spot.mask.webp").document.outputs == graph.document.outputs


def test_a_node_that_does_not_run_has_no_result(graph: gf.Graph) -> None:
    assert "when" in gf.run(graph, only=["off.mask"]).absent["off.mask"]


def test_no_output_is_lost(graph: gf.Graph) -> None:
    assert set(graph.plan(only=["spot"]).checked.outputs) >= set(graph.check().outputs)


@pytest.mark.parametrize(
    ("name", "fix"),
    [("smal", "did you mean the node small?"), ("spot.maks", "did you mean mask?"), ("zzz.image", "its outputs are")],
)
def test_an_unknown_name_is_refused(graph: gf.Graph, name: str, fix: str) -> None:
    with pytest.raises(InvalidGraph) as error:
        graph.plan(only=[name])
    assert error.value.problems[0].fix.startswith(fix)


def test_a_loaded_graph_gives_handles(graph: gf.Graph) -> None:
    graph.add("resize", id="tiny", image=graph["small"].image, width=4)
    graph.output(tiny=graph["tiny"], mask=graph["spot"].mask, item=graph["soft"][1], photo=graph["photo"])
    result = gf.run(graph, only=["tiny", "mask", "item", "photo"])
    assert result["tiny"].width == 4
    assert "small" in graph
    assert "photo" in graph
    assert "smal" not in graph


@pytest.mark.parametrize("name", ["smal", "phot", 0, None])
def test_a_handle_of_an_unknown_name_is_refused(graph: gf.Graph, name: Any) -> None:
    with pytest.raises(InvalidGraph) as error:
        graph[name]
    (problem,) = error.value.problems
    assert problem.code == "unknown-name"
    assert problem.fix.startswith("did you mean" if isinstance(name, str) else "it has")


def test_an_unknown_output_of_a_handle_is_refused(graph: gf.Graph) -> None:
    with pytest.raises(gf.GraphflowError, match="did you mean mask"):
        _ = graph["spot"].maks
