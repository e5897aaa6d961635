"""Every node and every edge of a graph is in its drawing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from graphflow.catalog.catalog import default_catalog
from graphflow.check.check import check, no_library
from graphflow.check.checked import Checked
from graphflow.check.literals import Literals
from graphflow.check.read.resolve import resolve
from graphflow.check.read.resolved import Resolved
from graphflow.check.read.templates import Templates
from graphflow.check.sources import node_outputs
from graphflow.document.parse import read_file
from graphflow.draw.drawing import Box, Drawing, Pin, Status, of_checked, of_document
from graphflow.draw.mermaid import mermaid
from graphflow.draw.svg import svg
from tests.draw.conftest import TWELVE

Read = Callable[[str], tuple[Resolved, Checked]]


def ends(drawing: Drawing) -> set[tuple[str, str, str, str]]:
    boxes = drawing.boxes
    return {
        (boxes[a].key, boxes[a].outputs[out].name, boxes[b].key, boxes[b].inputs[port].name)
        for a, out, b, port in drawing.lines
    }


def box_of(drawing: Drawing, key: str) -> Box:
    return next(box for box in drawing.boxes if box.key == key)


def test_a_document_is_drawn_as_it_is_written(read: Read) -> None:
    drawing = of_document(read(TWELVE)[0])
    keys = [box.key for box in drawing.boxes]
    assert keys == [
        *("input photo", "input other", "input blurs", "input invert"),
        *("small", "back", "disc", "edge", "both", "turned", "chosen", "soft", "wide", "mixed", "each", "sheet"),
        *("output sheet", "output first"),
    ]
    assert ends(drawing) == {
        ("input photo", "", "small", "image"),
        ("input other", "", "back", "image"),
        ("small", "image", "back", "like"),
        ("small", "image", "disc", "like"),
        ("small", "image", "edge", "like"),
        ("disc", "mask", "both", "mask"),
        ("edge", "mask", "both", "other"),
        ("both", "mask", "turned", "mask"),
        ("input invert", "", "turned", "when"),
        ("input invert", "", "chosen", "condition"),
        ("turned", "mask", "chosen", "if_true"),
        ("both", "mask", "chosen", "if_false"),
        ("chosen", "value", "soft", "mask"),
        ("edge", "mask", "wide", "mask"),
        ("input blurs", "", "wide", "blur"),
        ("small", "image", "mixed", "image"),
        ("back", "image", "mixed", "generated"),
        ("soft", "mask", "mixed", "mask"),
        ("small", "image", "each", "image"),
        ("back", "image", "each", "generated"),
        ("wide", "mask", "each", "mask"),
        ("mixed", "image", "sheet", "images"),
        ("each", "image", "sheet", "images"),
        ("sheet", "image", "output sheet", ""),
        ("wide", "mask[0]", "output first", ""),
    }


def test_kinds_of_boxes_are_marked(read: Read) -> None:
    drawing = of_document(read(TWELVE)[0])
    assert [box.key for box in drawing.boxes if box.kind == "template"] == ["soft", "wide"]
    assert [box.key for box in drawing.boxes if box.stacked] == ["wide", "each"]
    assert [box.key for box in drawing.boxes if box.dashed] == ["turned"]
    assert box_of(drawing, "wide").subtitle == "./soften.yaml"


def test_lines_know_what_travels(read: Read) -> None:
    drawing = of_document(read(TWELVE)[0])
    assert box_of(drawing, "wide").outputs == (Pin("mask", "list of mask"), Pin("mask[0]", "mask"))
    assert box_of(drawing, "input blurs").outputs == (Pin("", "list of float"),)
    assert box_of(drawing, "chosen").outputs == (Pin("value", "mask"),)


def test_a_checked_graph_is_drawn_expanded(read: Read) -> None:
    checked = read(TWELVE)[1]
    drawing = of_checked(checked)
    assert {node.path for node in checked.nodes} <= {box.key for box in drawing.boxes}
    titles = [frame.title for frame in drawing.frames]
    assert titles == ["soft/…", "wide[0]/…", "wide[1]/…"]
    grown = box_of(drawing, "wide[1]/grown")
    assert (grown.title, grown.frame) == ("grown", 2)
    assert {
        ("image:photo.png", "", "small", "image"),
        ("both", "mask", "soft/grown", "mask"),
        ("wide[1]/grown", "mask", "wide[1]/soft", "mask"),
        ("wide[1]/soft", "mask", "each[1]", "mask"),
        ("each[0]", "image", "sheet", "images"),
        ("wide[0]/soft", "mask", "output first", ""),
    } <= ends(drawing)


def test_every_source_of_a_checked_graph_is_a_line(read: Read) -> None:
    checked = read(TWELVE)[1]
    drawing = of_checked(checked)
    wanted = {
        (checked.nodes[one.node].path, node.path)
        for node in checked.nodes
        for source in node.sources.values()
        for one in node_outputs(source)
    }
    assert wanted <= {(source, target) for source, _, target, _ in ends(drawing)}


def test_a_node_that_does_not_run_is_dashed(read: Read) -> None:
    turned = box_of(of_checked(read(TWELVE)[1]), "turned")
    assert turned.dashed
    assert "when is false" in turned.note


def test_types_follow_what_a_port_takes(read: Read) -> None:
    drawing = of_checked(read(TWELVE)[1])
    assert box_of(drawing, "small").outputs == (Pin("image", "image"),)
    assert box_of(drawing, "output sheet").subtitle == "image"


def test_a_document_without_outputs_shows_what_a_run_would_write(read: Read) -> None:
    resolved, checked = read(TWELVE.partition("outputs:")[0])
    names = {box.title for box in of_document(resolved).boxes if box.kind == "output"}
    assert names == checked.outputs.keys() == {"sheet"}


def test_an_empty_document_is_an_empty_drawing(read: Read) -> None:
    resolved, checked = read("graphflow: 1\nnodes: {}\n")
    assert of_document(resolved) == of_checked(checked) == Drawing()


@pytest.mark.parametrize("link", ["https://example.org", "//example.org/x", "javascript:alert(1)", "data:text/html,x"])
def test_a_status_links_nowhere_else(link: str) -> None:
    with pytest.raises(ValueError, match="neither a place on the page"):
        Status("done", link=link)


@pytest.mark.parametrize("picture", ["https://example.org/a.png", "a.png", "data:image/svg+xml;base64,AAAA"])
def test_a_status_shows_only_pictures_that_it_holds(picture: str) -> None:
    with pytest.raises(ValueError, match="data: address"):
        Status("done", picture=picture)


FAULTY = """
graphflow: 1
inputs:
  photo: {type: picture}
nodes:
  one: {type: mask_invert, mask: $two}
  two: {type: mask_invert, mask: $one}
  three: {type: no_such_type, mask: $two, other: $nothing}
  four: {type: overlay, image: $photo, mask: $three.mask}
  five: {template: ./none.yaml, mask: $four}
outputs:
  all: $five.image
"""


def test_a_document_with_problems_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(FAULTY, encoding="utf-8")
    document, _ = read_file(path)
    assert document is not None
    catalog = default_catalog()
    literals = Literals(catalog)
    templates = Templates(catalog, literals, no_library)
    templates.prepare(document)
    drawing = of_document(resolve(document, catalog, templates.find, literals))
    assert [box.title for box in drawing.boxes] == ["photo", "one", "two", "three", "four", "five", "all"]
    for made in (drawing, of_checked(check(document, catalog))):
        assert svg(made).startswith("<svg")
        assert mermaid(made).startswith("flowchart LR")
