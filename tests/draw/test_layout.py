"""Nothing overlaps, and no line runs through a box, whatever the graph."""

import time
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphflow.draw.columns import Link, Point, Size
from graphflow.draw.drawing import Drawing
from graphflow.draw.faces import face_of
from graphflow.draw.layered import arrange
from graphflow.draw.layout import Layout, Rect, Shape, lay_out
from tests.draw.conftest import drawings, random_drawing

SLACK = 0.01


def laid_out(drawing: Drawing) -> Layout:
    faces = [face_of(box) for box in drawing.boxes]
    shapes = [Shape(face.size, box.frame) for face, box in zip(faces, drawing.boxes, strict=True)]
    links = [
        Link(
            line.source,
            faces[line.source].out_rows[line.output] + faces[line.source].sheets,
            line.target,
            faces[line.target].in_rows[line.input] + faces[line.target].sheets,
        )
        for line in drawing.lines
    ]
    return lay_out(shapes, links, [frame.parent for frame in drawing.frames])


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x + SLACK < other.x + other.width
        and other.x + SLACK < one.x + one.width
        and one.y + SLACK < other.y + other.height
        and other.y + SLACK < one.y + one.height
    )


def inside(inner: Rect, outer: Rect) -> bool:
    return (
        inner.x >= outer.x
        and inner.y >= outer.y
        and inner.x + inner.width <= outer.x + outer.width + SLACK
        and inner.y + inner.height <= outer.y + outer.height + SLACK
    )


def along(start: Point, end: Point) -> list[Point]:
    """Points on the way, as the SVG draws it: level at both ends."""
    middle = (start.x + end.x) / 2
    points = []
    for step in range(17):
        t = step / 16
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        points.append(Point(a * start.x + (b + c) * middle + d * end.x, (a + b) * start.y + (c + d) * end.y))
    return points


def touched(rects: list[Rect], start: Point, end: Point) -> list[Rect]:
    """The boxes that a piece of a line runs through; most are told apart by the piece's own box."""
    near = [rect for rect in rects if overlap(rect, _around(start, end))]
    return [rect for rect in near if any(overlap(rect, _around(*two)) for two in pairwise(along(start, end)))]


def _around(start: Point, end: Point) -> Rect:
    return Rect(min(start.x, end.x), min(start.y, end.y) - 0.5, abs(start.x - end.x), abs(start.y - end.y) + 1)


def assert_clear(drawing: Drawing) -> None:
    layout = laid_out(drawing)
    for one, other in combinations(layout.boxes, 2):
        assert not overlap(one, other)
    for one, other in combinations(layout.frames, 2):
        assert not overlap(one, other) or inside(one, other) or inside(other, one)
    for box, place in zip(drawing.boxes, layout.boxes, strict=True):
        for number, frame in enumerate(layout.frames):
            assert inside(place, frame) if box.frame == number else not overlap(place, frame)
    whole = Rect(0, 0, *layout.size)
    for line, route in zip(drawing.lines, layout.routes, strict=True):
        source, target = layout.boxes[line.source], layout.boxes[line.target]
        assert route[0].x == pytest.approx(source.x + source.width)
        assert route[-1].x == pytest.approx(target.x)
        assert source.y < route[0].y < source.y + source.height
        assert target.y < route[-1].y < target.y + target.height
        for start, end in pairwise(route):
            assert start.x <= end.x + SLACK
            assert not touched(layout.boxes, start, end)
            assert inside(Rect(start.x, min(start.y, end.y), end.x - start.x, abs(end.y - start.y)), whole)


@given(drawings)
@settings(max_examples=120, deadline=None)
def test_boxes_and_lines_keep_clear_of_each_other(drawing: Drawing) -> None:
    assert_clear(drawing)


@given(st.integers(0, 1000), st.sampled_from([None, 8, 40]), st.sampled_from([0, 6]))
@settings(max_examples=4, deadline=None)
def test_boxes_and_lines_of_300_nodes_keep_clear_of_each_other(seed: int, reach: int | None, frames: int) -> None:
    assert_clear(random_drawing(300, 420, seed, reach=reach, frames=frames))


def test_lines_too_long_for_bends_run_above_everything() -> None:
    chain = [Link(number, 20, number + 1, 20) for number in range(199)]
    far = [Link(number, 30, 199, 30) for number in range(150)]
    arranged = arrange([Size(100, 60)] * 200, chain + far)
    places = [Rect(*place, 100, 60) for place in arranged.places]
    above = [route for route in arranged.routes if any(point.y < min(place.y for place in places) for point in route)]
    assert above
    for route in arranged.routes:
        for start, end in pairwise(route):
            assert not touched(places, start, end)


@given(drawings)
@settings(max_examples=30, deadline=None)
def test_names_of_one_length_do_not_move_anything(drawing: Drawing) -> None:
    renamed = tuple(
        replace(box, key=f"k{len(drawing.boxes) - number}", title="".join(reversed(box.title)))
        for number, box in enumerate(drawing.boxes)
    )
    assert laid_out(drawing) == laid_out(replace(drawing, boxes=renamed))


def test_a_straight_chain_is_straight() -> None:
    arranged = arrange([Size(100, 60)] * 5, [Link(number, 30, number + 1, 30) for number in range(4)])
    assert len({place.y for place in arranged.places}) == 1


def test_lines_of_one_port_share_their_bends() -> None:
    links = [Link(0, 10, 1, 10), Link(1, 10, 2, 10), Link(2, 10, 3, 10), Link(0, 10, 2, 20), Link(0, 10, 3, 20)]
    arranged = arrange([Size(100, 60)] * 4, links)
    assert arranged.routes[3][:3] == arranged.routes[4][:3]


def test_what_only_one_late_node_reads_stands_beside_it() -> None:
    chain = [Link(number, 10, number + 1, 10) for number in range(4)]
    arranged = arrange([Size(100, 60)] * 6, [*chain, Link(5, 10, 4, 20)])
    assert arranged.places[5].x == arranged.places[3].x


def test_parts_without_connection_are_below_each_other() -> None:
    layout = lay_out([Shape(Size(100, 60))] * 4, [Link(0, 10, 1, 10), Link(2, 10, 3, 10)])
    assert layout.boxes[2].y >= layout.boxes[0].y + 60
    assert layout.boxes[2].x == layout.boxes[0].x


def test_frames_inside_frames_hold_their_boxes() -> None:
    shapes = [Shape(Size(100, 60)), Shape(Size(100, 60), 1), Shape(Size(100, 60), 0), Shape(Size(100, 60))]
    links = [Link(number, 20, number + 1, 20) for number in range(3)]
    layout = lay_out(shapes, links, [None, 0])
    assert inside(layout.boxes[1], layout.frames[1])
    assert inside(layout.frames[1], layout.frames[0])
    assert inside(layout.boxes[2], layout.frames[0])
    assert not overlap(layout.boxes[2], layout.frames[1])
    assert not overlap(layout.boxes[3], layout.frames[0])


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        lay_out([Shape(Size(10, 10))] * 2, [Link(0, 5, 1, 5), Link(1, 5, 0, 5)])


def test_frames_deeper_than_any_recursion_limit() -> None:
    depth = 1500
    parents = [None, *range(depth - 1)]
    layout = lay_out([Shape(Size(100, 60)), Shape(Size(100, 60), depth - 1)], [Link(0, 20, 1, 20)], parents)
    assert inside(layout.boxes[1], layout.frames[-1])


@pytest.mark.parametrize(("lines", "reach"), [(0, None), (1999, 1), (4000, None), (4000, 20)])
def test_two_thousand_nodes_take_seconds(lines: int, reach: int | None) -> None:
    drawing = random_drawing(2000, lines, 1, reach=reach)
    start = time.perf_counter()
    laid_out(drawing)
    assert time.perf_counter() - start < 20
