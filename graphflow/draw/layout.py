"""Lay out a whole drawing: nested frames, and connected parts one below the other.

A frame is laid out before its surroundings, then counts as one box; lines cross its sides at *gates*. So frames
never overlap boxes outside them, at any depth, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphflow.draw.columns import Link, Point, Size
from graphflow.draw.heights import BOX_GAP
from graphflow.draw.layered import Arranged, arrange

PADDING = 16.0
TITLE = 24.0
"""Height of a frame's title."""
ROW = 900.0
"""Width of a row of unconnected boxes."""


class Shape(NamedTuple):
    """A box to be placed; `frame` is None outside all frames."""

    size: Size
    frame: int | None = None


class Rect(NamedTuple):
    """A placed box or frame."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The positions of all boxes, frames and links.

    Attributes:
        routes: as in `Arranged`, across all frames.
    """

    boxes: list[Rect]
    frames: list[Rect]
    routes: list[list[Point]]
    size: Size


@dataclass(frozen=True, slots=True)
class _Gate:
    """The point where the lines of one output port cross a side of a frame."""

    inwards: bool
    source: int
    out_y: float


# Not tuples: box 3 and frame 3 would be equal.
@dataclass(frozen=True, slots=True)
class _BoxAt:
    box: int


@dataclass(frozen=True, slots=True)
class _FrameAt:
    frame: int


_Member = _BoxAt | _FrameAt | _Gate


@dataclass
class _Level:
    """The members directly inside one frame, or outside all frames."""

    members: dict[_Member, int] = field(default_factory=dict)
    hops: dict[tuple[_Member, float | _Gate, _Member, float | _Gate], int] = field(default_factory=dict)
    """A hop ends at a height of a box, or at a gate of a frame, whose height is not known yet."""
    tops: list[Point] = field(default_factory=list)
    routes: list[list[Point]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    size: Size = field(default_factory=lambda: Size(0.0, 0.0))

    def add(self, member: _Member) -> None:
        self.members.setdefault(member, len(self.members))

    def gate_y(self, gate: _Gate) -> float:
        return self.tops[self.members[gate]].y


def lay_out(
    shapes: Sequence[Shape], links: Sequence[Link], parents: Sequence[int | None] = (), titles: Sequence[float] = ()
) -> Layout:
    """Lay out boxes, frames and links.

    Args:
        shapes: the boxes.
        links: between boxes.
        parents: for each frame the frame around it, which comes before it.
        titles: smallest width of each frame.

    Raises:
        ValueError: the links between boxes, or between frames, form a cycle.
    """
    levels: list[_Level] = [_Level() for _ in range(len(parents) + 1)]
    for number, shape in enumerate(shapes):
        levels[_level(shape.frame)].add(_BoxAt(number))
    for number, parent in enumerate(parents):
        levels[_level(parent)].add(_FrameAt(number))
    chains = _chains([shape.frame for shape in shapes], parents)
    hops = [_hops(link, chains, levels) for link in links]
    # Children come after their parents, so going backwards means from the inside out.
    for number in range(len(parents), -1, -1):
        _arrange_level(levels, number, shapes, titles[number - 1] if number and titles else 0.0)
    return _absolute(levels, shapes, parents, hops)


def _level(frame: int | None) -> int:
    return 0 if frame is None else frame + 1


def _chains(frames: Sequence[int | None], parents: Sequence[int | None]) -> list[tuple[int, ...]]:
    """For each box the frames around it, the outermost first."""
    around: list[tuple[int, ...]] = []
    for number, parent in enumerate(parents):
        around.append((*(around[parent] if parent is not None else ()), number))
    return [around[frame] if frame is not None else () for frame in frames]


def _hops(link: Link, chains: list[tuple[int, ...]], levels: list[_Level]) -> list[tuple[int, int]]:
    """Split a link at the sides of the frames that it crosses: the level and number of each hop."""
    outer, inner = chains[link.source], chains[link.target]
    shared = 0
    while shared < min(len(outer), len(inner)) and outer[shared] == inner[shared]:
        shared += 1
    leaving, entering = _Gate(False, link.source, link.out_y), _Gate(True, link.source, link.out_y)
    cuts: list[tuple[int, int]] = []
    tail: tuple[_Member, float | _Gate] = (_BoxAt(link.source), link.out_y)
    for frame in reversed(outer[shared:]):
        cuts.append(_hop(levels, frame + 1, tail, (leaving, 0.0)))
        tail = (_FrameAt(frame), leaving)
    level = _level(outer[shared - 1] if shared else None)
    for frame in inner[shared:]:
        cuts.append(_hop(levels, level, tail, (_FrameAt(frame), entering)))
        level, tail = frame + 1, (entering, 0.0)
    cuts.append(_hop(levels, level, tail, (_BoxAt(link.target), link.in_y)))
    return cuts


def _hop(
    levels: list[_Level], number: int, tail: tuple[_Member, float | _Gate], head: tuple[_Member, float | _Gate]
) -> tuple[int, int]:
    level = levels[number]
    level.add(tail[0])
    level.add(head[0])
    return number, level.hops.setdefault((*tail, *head), len(level.hops))


def _arrange_level(levels: list[_Level], number: int, shapes: Sequence[Shape], least: float) -> None:
    level = levels[number]
    level.sizes = [_size_of(member, levels, shapes) for member in level.members]
    links = [
        Link(level.members[tail], _height(levels, tail, leaves), level.members[head], _height(levels, head, enters))
        for tail, leaves, head, enters in level.hops
    ]
    ins = {place for member, place in level.members.items() if isinstance(member, _Gate) and member.inwards}
    outs = {place for member, place in level.members.items() if isinstance(member, _Gate) and not member.inwards}
    whole = _parts(level.sizes, links, ins, outs)
    if number:
        # A frame's gates stay on its sides; its boxes move below its title.
        whole = _framed(whole, ins, outs, least)
    level.tops, level.routes, level.size = whole.places, whole.routes, whole.size


def _size_of(member: _Member, levels: list[_Level], shapes: Sequence[Shape]) -> Size:
    if isinstance(member, _BoxAt):
        return shapes[member.box].size
    return levels[member.frame + 1].size if isinstance(member, _FrameAt) else Size(0.0, 0.0)


def _height(levels: list[_Level], member: _Member, end: float | _Gate) -> float:
    if isinstance(end, _Gate) and isinstance(member, _FrameAt):
        return levels[member.frame + 1].gate_y(end)
    return float(end) if isinstance(end, float) else 0.0


def _framed(whole: Arranged, ins: set[int], outs: set[int], least: float) -> Arranged:
    width, height = max(whole.size.width + 2 * PADDING, least), whole.size.height + 2 * PADDING + TITLE
    places = []
    for number, place in enumerate(whole.places):
        x = 0.0 if number in ins else width if number in outs else place.x + PADDING
        places.append(Point(x, place.y + PADDING + TITLE))
    routes = [[Point(point.x + PADDING, point.y + PADDING + TITLE) for point in route] for route in whole.routes]
    return Arranged(places, routes, Size(width, height))


def _parts(sizes: Sequence[Size], links: Sequence[Link], ins: set[int], outs: set[int]) -> Arranged:
    """Arrange each connected part, and place the parts one below the other."""
    groups = _connected(len(sizes), links)
    links_of: dict[int, list[int]] = {}
    part_of = {member: part for part, members in enumerate(groups) for member in members}
    for number, link in enumerate(links):
        links_of.setdefault(part_of[link.source], []).append(number)
    places, routes = [Point(0.0, 0.0)] * len(sizes), [[Point(0.0, 0.0)]] * len(links)
    width, y = 0.0, 0.0
    alone = [members[0] for members in groups if len(members) == 1]
    for part, members in enumerate(groups):
        if len(members) == 1:
            continue
        local = {member: place for place, member in enumerate(members)}
        numbers = links_of.get(part, [])
        arranged = arrange(
            [sizes[member] for member in members],
            [links[n]._replace(source=local[links[n].source], target=local[links[n].target]) for n in numbers],
            first=[local[member] for member in members if member in ins],
            last=[local[member] for member in members if member in outs],
        )
        for member, place in zip(members, arranged.places, strict=True):
            places[member] = Point(place.x, place.y + y)
        for number, route in zip(numbers, arranged.routes, strict=True):
            routes[number] = [Point(point.x, point.y + y) for point in route]
        width, y = max(width, arranged.size.width), y + arranged.size.height + BOX_GAP
    width, y = _rows(alone, sizes, places, width, y)
    return Arranged(places, routes, Size(width, max(y - BOX_GAP, 0.0)))


def _rows(alone: list[int], sizes: Sequence[Size], places: list[Point], width: float, y: float) -> tuple[float, float]:
    """Place unconnected boxes in rows; returns the width used and the y of the next free row."""
    limit, x, tallest = max(width, ROW), 0.0, 0.0
    for member in alone:
        size = sizes[member]
        if x and x + size.width > limit:
            x, y, tallest = 0.0, y + tallest + BOX_GAP, 0.0
        places[member] = Point(x, y)
        width, tallest = max(width, x + size.width), max(tallest, size.height)
        x += size.width + BOX_GAP
    return width, y + tallest + BOX_GAP if alone else y


def _connected(count: int, links: Sequence[Link]) -> list[list[int]]:
    """The connected parts, each sorted, in the order of their first members."""
    leader = list(range(count))

    def find(member: int) -> int:
        while leader[member] != member:
            leader[member] = leader[leader[member]]
            member = leader[member]
        return member

    for link in links:
        first, second = sorted((find(link.source), find(link.target)))
        leader[second] = first
    parts: dict[int, list[int]] = {}
    for member in range(count):
        parts.setdefault(find(member), []).append(member)
    return list(parts.values())


def _absolute(
    levels: list[_Level], shapes: Sequence[Shape], parents: Sequence[int | None], hops: list[list[tuple[int, int]]]
) -> Layout:
    origins = [Point(0.0, 0.0)]
    frames = []
    for number, parent in enumerate(parents):
        around = _level(parent)
        place = levels[around].tops[levels[around].members[_FrameAt(number)]]
        origin = Point(origins[around].x + place.x, origins[around].y + place.y)
        origins.append(origin)
        frames.append(Rect(*origin, *levels[number + 1].size))
    boxes = []
    for number, shape in enumerate(shapes):
        level, origin = levels[_level(shape.frame)], origins[_level(shape.frame)]
        place = level.tops[level.members[_BoxAt(number)]]
        boxes.append(Rect(origin.x + place.x, origin.y + place.y, *shape.size))
    routes = []
    for cuts in hops:
        route: list[Point] = []
        for number, hop in cuts:
            for point in levels[number].routes[hop]:
                moved = Point(origins[number].x + point.x, origins[number].y + point.y)
                if not route or route[-1] != moved:
                    route.append(moved)
        routes.append(route)
    return Layout(boxes, frames, routes, levels[0].size)
