"""A graph that is saved anywhere is equal to itself, whatever its paths and texts are."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow.cli import main

PARTS = [
    "a",
    "./",
    "../",
    "/",
    "$n",
    "${n}",
    "$$n",
    "$",
    "$$",
    ".png",
    ".yaml",
    "\0",
    "~",
    "*",
    "[0]",
    "é",
    " ",
    "x" * 300,
]
"""What texts of paths are made of: references, plain dollars, folders, what no file's name can be."""

INPUT = "inputs: {n: {type: string, default: x}}\n"
PLACES = {
    "the default of an input": "inputs: {p: {type: image, default: TEXT}}\n"
    "nodes: {b: {type: resize, image: $p, width: 8}}\n",
    "a list of files": "inputs: {p: {type: list of file, default: [TEXT, TEXT]}}\nnodes: {}\n",
    "a port": INPUT + "nodes: {b: {type: resize, image: TEXT, width: 8}}\n",
    "a list and a text": INPUT + "nodes: {b: {type: image_grid, images: [TEXT], captions: TEXT}}\n",
    "for_each": INPUT + "nodes: {b: {type: resize, width: 8, for_each: {image: [TEXT]}}, "
    "c: {type: resize, width: 8, for_each: {image: TEXT}}}\n",
    "a checkpoint": INPUT + "nodes: {b: {type: text2img, prompt: TEXT, checkpoint: TEXT}}\n",
    "checkpoints": "checkpoints: {c: {source: TEXT, loras: [{source: TEXT, scale: 0.5}], components: {vae: TEXT}}}\n"
    "nodes: {}\n",
    "a template": "nodes: {b: {template: TEXT, text: TEXT}}\n",
}


def document(place: str, text: str) -> str:
    """A document with the text, in quotes, in such a place."""
    return "graphflow: 1\n" + PLACES[place].replace("TEXT", json.dumps(text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("deep") / "folder"
    (made / "sub" / "a").mkdir(parents=True)
    (made / "a").mkdir()
    (made / "a.yaml").write_text("graphflow: 1\ninputs: {text: {type: image}}\nnodes: {}\n")
    return made


@settings(max_examples=80, deadline=None)
@given(place=st.sampled_from(sorted(PLACES)), parts=st.lists(st.sampled_from(PARTS), max_size=4))
def test_a_graph_saved_in_any_folder_is_equal_to_itself(folder: Path, place: str, parts: list[str]) -> None:
    source = folder / "g.yaml"
    source.write_text(document(place, "".join(parts)), encoding="utf-8")
    graph = gf.load(source)
    for target in (folder / "same.yaml", folder / "sub" / "below.yaml", folder.parent / "above.yaml"):
        saved = gf.load(graph.save(target))
        assert saved == graph, target.read_text("utf-8")
        again = gf.load(saved.save(folder / "back.yaml"))
        assert again == graph, (folder / "back.yaml").read_text("utf-8")
        target.unlink()
        assert main(["new", str(target), "--from", str(source)]) == 0
        assert gf.load(target) == graph, target.read_text("utf-8")
        target.unlink()


@pytest.mark.parametrize("text", ["./a.png", "a_$n.png", "photos/$n.png", "$$n/a.png", "~x$n.png", "a\0.png", "./\0"])
def test_paths_that_were_not_equal_to_themselves_once_are(text: str, folder: Path) -> None:
    (folder / "g.yaml").write_text(document("a port", text))
    graph = gf.load(folder / "g.yaml")
    for target in (folder / "same.yaml", folder / "sub" / "below.yaml"):
        assert gf.load(graph.save(target)) == graph


def test_a_graph_saved_in_its_own_folder_keeps_its_texts(folder: Path) -> None:
    for text in ("./a.png", "a_$n.png", "photos/$n.png", "$$n/a.png"):
        (folder / "g.yaml").write_text(document("a port", text))
        graph = gf.load(folder / "g.yaml")
        assert gf.load(graph.save(folder / "same.yaml")).document == graph.document


def test_graphs_with_other_files_are_not_equal(folder: Path) -> None:
    graphs = []
    for text in ("a_$n.png", "b_$n.png", "sub/a_$n.png", "a.png", "/a.png"):
        (folder / "g.yaml").write_text(document("a port", text))
        graphs.append(gf.load(folder / "g.yaml"))
    assert [[one == other for one in graphs] for other in graphs] == [
        [row == column for column in range(5)] for row in range(5)
    ]


def test_a_name_that_no_file_can_have_is_refused_where_a_graph_is_saved(folder: Path) -> None:
    for name in ("a\0.yaml", "x" * 300 + ".yaml"):
        with pytest.raises(gf.FileProblem):
            gf.Graph("g").save(folder / name)
