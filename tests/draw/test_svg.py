"""The SVG: complete in itself, safe whatever the names, and the same every time."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphflow.check.checked import Checked
from graphflow.check.read.resolved import Resolved
from graphflow.draw.drawing import Box, Drawing, Line, Pin, Status, of_checked, of_document
from graphflow.draw.edge_styles import in_legend_order, style_of
from graphflow.draw.faces import SIDE, TEXT_SIZE, face_of, status_words, text_width
from graphflow.draw.svg import svg
from graphflow.values.types import ATOMS
from tests.draw.conftest import TWELVE, drawings, random_drawing

NS = "{http://www.w3.org/2000/svg}"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
Read = Callable[[str], tuple[Resolved, Checked]]


def titles(text: str) -> list[str]:
    return [title.text or "" for title in ET.fromstring(text).iter(f"{NS}title")]


def test_every_box_and_line_of_a_graph_is_drawn(read: Read) -> None:
    for drawing in (of_document(read(TWELVE)[0]), of_checked(read(TWELVE)[1])):
        root = ET.fromstring(svg(drawing))
        classes = Counter(one.get("class", "").split(" ")[0] for one in root.iter(f"{NS}g"))
        assert (
            sum(classes[kind] for kind in ("input", "picture", "node", "output"))
            >= len(drawing.boxes) - classes["template"]
        )
        assert classes["line"] == len(drawing.lines)
        shown = [text.text for text in root.iter(f"{NS}text")]
        for name in (*(box.title for box in drawing.boxes), *(frame.title for frame in drawing.frames)):
            assert name in shown
        says = [title.text for title in root.iter(f"{NS}title")]
        for box in drawing.boxes:
            assert box.note in says


def test_no_address_no_script_and_nothing_global(read: Read) -> None:
    text = svg(of_checked(read(TWELVE)[1]), status={"sheet": Status("done", 1.0, "#sheet", PICTURE)})
    assert text.count("http") == 1
    assert "<script" not in text
    assert " id=" not in text
    assert "url(" not in text
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    rules = [rule.partition("{")[0] for rule in style[1].strip().splitlines()]
    assert all(selector.strip().startswith(".graphflow-drawing ") for rule in rules for selector in rule.split(","))


@given(drawings)
@settings(max_examples=20, deadline=None)
def test_the_same_drawing_is_the_same_text(drawing: Drawing) -> None:
    text = svg(drawing)
    ET.fromstring(text)
    assert svg(replace(drawing)) == text


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_name_gives_well_formed_text(title: str, subtitle: str, port: str) -> None:
    first = Box("a", "node", title, subtitle, outputs=(Pin(port, "image"),), note=title)
    second = Box("b", "output", subtitle, title, inputs=(Pin("", "image"),))
    text = svg(Drawing(title, (first, second), (Line(0, 0, 1, 0),)))
    root = ET.fromstring(text)
    assert {one.tag.removeprefix(NS) for one in root.iter()} <= {
        *("svg", "style", "rect", "g", "title", "text", "path", "circle", "polygon"),
    }


def test_names_that_look_like_markup_stay_text() -> None:
    evil = "</title></svg><script>alert('1')</script> & \" ]]>"
    text = svg(Drawing(evil, (Box(evil, "node", evil, evil, note=evil),)))
    assert "<script" not in text
    assert evil in titles(text)


def test_long_names_are_cut_and_told_whole_in_the_tooltip() -> None:
    name = "a_name_" * 20
    text = svg(Drawing("", (Box(name, "node", name, "type", note=f"{name}: node type"),)))
    root = ET.fromstring(text)
    shown = [one.text or "" for one in root.iter(f"{NS}text")]
    assert name not in shown
    assert any(one.startswith("a_name_") and one.endswith("…") for one in shown)
    assert f"{name}: node type" in titles(text)


@given(st.text(max_size=60), st.lists(st.text(max_size=30), max_size=4), st.lists(st.text(max_size=30), max_size=4))
@settings(deadline=None)
def test_text_stays_inside_its_box(title: str, ins: list[str], outs: list[str]) -> None:
    pins = [tuple(Pin(name, "image") for name in names) for names in (ins, outs)]
    status = Status("cached", 5000.0)
    face = face_of(Box("a", "node", title, title, *pins, status=status))
    room = face.width - 2 * SIDE
    assert text_width(face.title, 13, bold=True) <= room
    assert text_width(face.subtitle, TEXT_SIZE) <= room
    assert sum(text_width(word, TEXT_SIZE) for word in status_words(status)) <= room
    for row in range(max(len(ins), len(outs))):
        names = [names[row] for names in (face.in_names, face.out_names) if row < len(names)]
        assert sum(text_width(name, TEXT_SIZE) for name in names) <= room


def test_status_shows_state_time_link_and_picture() -> None:
    drawing = Drawing("", (Box("fill", "node", "fill", "inpaint"), Box("late", "node", "late", "overlay")))
    root = ET.fromstring(
        svg(
            drawing,
            status={"fill": Status("done", 2.34, "#fill", PICTURE), "late": Status("failed"), "none": Status("done")},
        )
    )
    shown = [one.text for one in root.iter(f"{NS}text")]
    assert "✓ done" in shown
    assert "2.3 s" in shown
    assert "✗ failed" in shown
    assert [one.get("href") for one in root.iter(f"{NS}a")] == ["#fill"]
    assert [one.get("href") for one in root.iter(f"{NS}image")] == [PICTURE]


def test_types_differ_without_their_colours() -> None:
    styles = in_legend_order(set(ATOMS))
    looks = {(style.dash, style.mark) for style in styles}
    assert len(looks) == len(styles)
    assert style_of("list of latents").list
    assert style_of("list of latents").color == style_of("latents").color


def test_the_legend_names_only_what_is_there() -> None:
    text = svg(random_drawing(2, 1, 0))
    assert "conditioning" not in text
    assert "template" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("count", [0, 1])
def test_small_drawings(count: int) -> None:
    drawn = ET.fromstring(svg(random_drawing(count, 0, 0)))
    assert float(drawn.attrib["width"]) > 0
    assert float(drawn.attrib["height"]) > 0
