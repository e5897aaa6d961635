"""Arrange boxes in columns from left to right: Sugiyama's method for one connected part of a graph.

Why not a library: the one that is kept up asks for a recent C library and knows neither boxes of different
sizes nor ports; the pure-Python one is not maintained and its licence does not fit.

Columns come from longest paths. A link that passes columns gets a *bend* in each, shared by all links that
leave the same port, so that they run as one line until they part. The order in a column follows the middle
of the neighbours (barycentres, then exchanges), the heights are least squares, then least absolute
distances, each solved exactly under the order found, which is why nothing can overlap. Every decision is
taken by number, never by name. Without recursion.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

BOX_GAP = 26.0
BEND_GAP = 12.0
LANE_GAP = 9.0
COLUMN_GAP = 46.0
STRAIGHTER = 8.0
"""How much more a link weighs between two bends than between two boxes: long lines become straight."""


class Point(NamedTuple):
    """A place; x grows to the right, y downwards."""

    x: float
    y: float


class Size(NamedTuple):
    """Width and height of a box."""

    width: float
    height: float


class Link(NamedTuple):
    """From the right side of one box to the left side of another, each at a height below its top."""

    source: int
    out_y: float
    target: int
    in_y: float


class Edge(NamedTuple):
    """A piece of a link, between neighbouring columns."""

    tail: int
    out_y: float
    head: int
    in_y: float


@dataclass
class Arranged:
    """Where the boxes are and how the links run.

    Attributes:
        places: upper left corner of each box.
        routes: of each link, points from source to target. Two points of one height are joined by a
            straight line; others by a curve that is level at both ends and stays between their columns.
    """

    places: list[Point]
    routes: list[list[Point]]
    size: Size


@dataclass
class _Columns:
    """The graph with its bends: a vertex is a box (the first ones) or a bend (height 0)."""

    heights: list[float]
    column: list[int]
    members: list[list[int]]
    edges: list[list[Edge]]
    """By the column of the tail."""
    bends: list[list[int]] = field(default_factory=list)
    """Of each link, the bends it runs through."""
    lanes: dict[tuple[int, float], list[int]] = field(default_factory=dict)
    """Links too long for bends, by source and port: they run above everything."""
    trunks: list[list[int]] = field(default_factory=list)
    """Bends in columns next to each other that should be at one height."""
    boxes: int = 0
    up: list[list[Edge]] = field(default_factory=list)
    down: list[list[Edge]] = field(default_factory=list)

    def is_bend(self, vertex: int) -> bool:
        # A frame's gate is a box without height: lines should run through it as straight as through a bend.
        return not self.heights[vertex]


def arrange(
    sizes: Sequence[Size], links: Sequence[Link], *, first: Iterable[int] = (), last: Iterable[int] = ()
) -> Arranged:
    """Arrange one connected part of a graph.

    Args:
        sizes: of the boxes.
        links: without circles.
        first: boxes that are alone in the first column.
        last: boxes that are alone in the last column.

    Raises:
        ValueError: the links form a circle.
    """
    column = _assign(len(sizes), links, frozenset(first), frozenset(last))
    graph = _with_bends(sizes, links, column)
    _order(graph)
    tops = _heights(graph)
    return _placed(graph, sizes, links, tops)


# Columns


def _assign(count: int, links: Sequence[Link], first: frozenset[int], last: frozenset[int]) -> list[int]:
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((link.source, link.target) for link in links)
    try:
        generations = [sorted(one) for one in nx.topological_generations(graph)]
    except nx.NetworkXUnfeasible as error:
        raise ValueError("the links form a circle") from error
    start = 1 if first else 0
    column = [start] * count
    order = [box for generation in generations for box in generation]
    for box in order:
        if box in first:
            column[box] = 0
        for reader in graph.successors(box):
            column[reader] = max(column[reader], column[box] + 1)
    for box in reversed(order):
        readers = list(graph.successors(box))
        # What feeds more lines than it takes goes as near to its readers as it can: fewer long lines.
        if box not in first and len(readers) > graph.in_degree(box):
            column[box] = min(column[reader] for reader in readers) - 1
    end = max((column[box] for box in range(count) if box not in last), default=-1) + 1
    for box in last:
        column[box] = end
    return column


def _with_bends(sizes: Sequence[Size], links: Sequence[Link], column: list[int]) -> _Columns:
    count = len(sizes)
    width = max(column, default=0) + 1
    graph = _Columns(
        [size.height for size in sizes], list(column), [[] for _ in range(width)], [[] for _ in range(width)]
    )
    graph.boxes = count
    graph.bends = [[] for _ in links]
    for box in range(count):
        graph.members[column[box]].append(box)
    trunks: dict[tuple[int, float], list[int]] = {}
    for number, link in enumerate(links):
        trunks.setdefault((link.source, link.out_y), []).append(number)
    short = _affordable(trunks, links, column, 2000 + 3 * count)
    drawn: set[Edge] = set()
    for (source, out_y), numbers in trunks.items():
        trunk: list[int] = []
        for number in sorted(numbers, key=lambda number: column[links[number].target]):
            link = links[number]
            span = column[link.target] - column[source] - 1
            if span > short:
                graph.lanes.setdefault((source, out_y), []).append(number)
                continue
            while len(trunk) < span:
                trunk.append(_bend(graph, column[source] + 1 + len(trunk)))
            graph.bends[number] = trunk[:span]
            stops = [
                (source, out_y, out_y),
                *((bend, 0.0, 0.0) for bend in trunk[:span]),
                (link.target, 0.0, link.in_y),
            ]
            for (tail, leaves, _), (head, _, enters) in pairwise(stops):
                edge = Edge(tail, leaves, head, enters)
                if edge not in drawn:
                    drawn.add(edge)
                    graph.edges[graph.column[tail]].append(edge)
        graph.trunks += [trunk] if trunk else []
    graph.up, graph.down = [[] for _ in graph.heights], [[] for _ in graph.heights]
    for edges in graph.edges:
        for edge in edges:
            graph.down[edge.tail].append(edge)
            graph.up[edge.head].append(edge)
    return graph


def _bend(graph: _Columns, column: int) -> int:
    graph.heights.append(0.0)
    graph.column.append(column)
    graph.members[column].append(len(graph.heights) - 1)
    return len(graph.heights) - 1


def _affordable(trunks: dict[tuple[int, float], list[int]], links: Sequence[Link], column: list[int], most: int) -> int:
    """The longest span that links may have so that all bends together stay below a number."""
    spans = [
        max(column[links[number].target] for number in numbers) - column[source] - 1
        for (source, _), numbers in trunks.items()
    ]
    total, limit = sum(spans), max(spans, default=0)
    for span in sorted(spans, reverse=True):
        if total <= most:
            break
        total, limit = total - span, span - 1
    return limit


# Order in the columns


def _order(graph: _Columns) -> None:
    """Order every column so that few lines cross."""
    large = len(graph.heights) > 3000
    best, fewest = [list(one) for one in graph.members], _crossings(graph)
    stale = 0
    for sweep in range(8 if large else 32):
        forward = sweep % 2 == 0
        columns = graph.members[1:] if forward else graph.members[-2::-1]
        position = _positions(graph)
        for members in columns:
            _by_barycentre(graph, members, position, forward=forward)
        if len(graph.heights) < 800:
            _exchange(graph)
        crossings = _crossings(graph)
        if crossings < fewest:
            best, fewest, stale = [list(one) for one in graph.members], crossings, 0
        else:
            stale += 1
        if fewest == 0 or stale == 6:
            break
    graph.members = best


def _positions(graph: _Columns) -> list[float]:
    position = [0.0] * len(graph.heights)
    for members in graph.members:
        for place, vertex in enumerate(members):
            position[vertex] = float(place)
    return position


def _spot(graph: _Columns, position: list[float], vertex: int, y: float) -> float:
    """Where a line meets a column: the vertex's place in it, and how far down its side."""
    return position[vertex] + (y / graph.heights[vertex] if graph.heights[vertex] else 0.5)


def _by_barycentre(graph: _Columns, members: list[int], position: list[float], *, forward: bool) -> None:
    wish: dict[int, float] = {}
    for place, vertex in enumerate(members):
        if forward:
            spots = [_spot(graph, position, edge.tail, edge.out_y) for edge in graph.up[vertex]]
        else:
            spots = [_spot(graph, position, edge.head, edge.in_y) for edge in graph.down[vertex]]
        wish[vertex] = fmean(spots) if spots else float(place)
    members.sort(key=wish.__getitem__)
    for place, vertex in enumerate(members):
        position[vertex] = float(place)


def _exchange(graph: _Columns) -> None:
    """Exchange neighbours in a column while that takes crossings away."""
    position = _positions(graph)
    for _ in range(6):
        changed = False
        for members in graph.members:
            for place in range(len(members) - 1):
                upper, lower = members[place], members[place + 1]
                if _between(graph, position, lower, upper) < _between(graph, position, upper, lower):
                    members[place], members[place + 1] = lower, upper
                    position[upper], position[lower] = position[lower], position[upper]
                    changed = True
        if not changed:
            return


def _between(graph: _Columns, position: list[float], upper: int, lower: int) -> int:
    """Crossings of the lines of two neighbours, one above the other."""
    count = 0
    for above, below in (
        (
            [_spot(graph, position, edge.tail, edge.out_y) for edge in graph.up[upper]],
            [_spot(graph, position, edge.tail, edge.out_y) for edge in graph.up[lower]],
        ),
        (
            [_spot(graph, position, edge.head, edge.in_y) for edge in graph.down[upper]],
            [_spot(graph, position, edge.head, edge.in_y) for edge in graph.down[lower]],
        ),
    ):
        if above and below:
            below.sort()
            count += sum(_below(below, spot) for spot in above)
    return count


def _below(spots: list[float], spot: float) -> int:
    low, high = 0, len(spots)
    while low < high:
        middle = (low + high) // 2
        if spots[middle] < spot:
            low = middle + 1
        else:
            high = middle
    return low


def _crossings(graph: _Columns) -> int:
    position = _positions(graph)
    count = 0
    for edges in graph.edges:
        ends = sorted(
            (_spot(graph, position, edge.tail, edge.out_y), _spot(graph, position, edge.head, edge.in_y))
            for edge in edges
        )
        seen: list[float] = []
        for _, end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


# Heights


def _heights(graph: _Columns) -> list[float]:
    """The top of each vertex: lines as straight as the order and the gaps allow."""
    tops = [0.0] * len(graph.heights)
    offsets = [_packed(graph, members) for members in graph.members]
    for members, packed in zip(graph.members, offsets, strict=True):
        for vertex, offset in zip(members, packed, strict=True):
            tops[vertex] = offset
    large = len(graph.heights) > 1500
    numbers = range(len(graph.members))
    for _ in range(4 if large else 12):
        for number in numbers:
            _settle(graph, number, tops, offsets[number], up=True, down=False)
        for number in reversed(numbers):
            _settle(graph, number, tops, offsets[number], up=False, down=True)
    for _ in range(2):
        for number in (*numbers, *reversed(numbers)):
            _settle(graph, number, tops, offsets[number], up=True, down=True)
    for _ in range(1 if large else 4):
        if not large:
            for number in (*numbers, *reversed(numbers)):
                _straighten(graph, number, tops, offsets[number])
        _level_trunks(graph, tops)
    least = min(tops, default=0.0)
    return [top - least for top in tops]


def _level_trunks(graph: _Columns, tops: list[float]) -> None:
    """Put the bends of each line at one height as far as its neighbours allow, whole stretches at a time."""
    place = {vertex: (members, number) for members in graph.members for number, vertex in enumerate(members)}
    for trunk in graph.trunks:
        stretch: list[int] = []
        low, high = float("-inf"), float("inf")
        for bend in trunk:
            least, most = _freedom(graph, *place[bend], tops)
            if max(low, least) > min(high, most):
                _level(graph, stretch, tops, low, high)
                stretch, low, high = [], float("-inf"), float("inf")
            stretch.append(bend)
            low, high = max(low, least), min(high, most)
        _level(graph, stretch, tops, low, high)


def _freedom(graph: _Columns, members: list[int], number: int, tops: list[float]) -> tuple[float, float]:
    """How far up and down a vertex can go between its neighbours."""
    vertex, low, high = members[number], float("-inf"), float("inf")
    if number:
        above = members[number - 1]
        low = tops[above] + graph.heights[above] + _between_boxes(graph, above, vertex)
    if number + 1 < len(members):
        below = members[number + 1]
        high = tops[below] - graph.heights[vertex] - _between_boxes(graph, vertex, below)
    # Sums of floating-point numbers differ in the last digits; where a vertex is, it may stay.
    return min(low, tops[vertex]), max(high, tops[vertex])


def _level(graph: _Columns, stretch: list[int], tops: list[float], low: float, high: float) -> None:
    inside = set(stretch)
    wishes = [
        (tops[edge.tail] + edge.out_y, 1.0) for bend in stretch for edge in graph.up[bend] if edge.tail not in inside
    ]
    wishes += [
        (tops[edge.head] + edge.in_y, 1.0) for bend in stretch for edge in graph.down[bend] if edge.head not in inside
    ]
    wishes.sort()
    y = min(max(_median(wishes, fmean(tops[bend] for bend in stretch)), low), high)
    for bend in stretch:
        tops[bend] = y


def _between_boxes(graph: _Columns, upper: int, lower: int) -> float:
    """The least room between two neighbours in a column."""
    return (BOX_GAP, (BOX_GAP + BEND_GAP) / 2, BEND_GAP)[graph.is_bend(upper) + graph.is_bend(lower)]


def _packed(graph: _Columns, members: list[int]) -> list[float]:
    """The tops of a column's vertices where all are as near to each other as they may be."""
    tops, y = [], 0.0
    for place, vertex in enumerate(members):
        tops.append(y)
        if place + 1 < len(members):
            y += graph.heights[vertex] + _between_boxes(graph, vertex, members[place + 1])
    return tops


def _wishes(graph: _Columns, vertex: int, tops: list[float], *, up: bool, down: bool) -> list[tuple[float, float]]:
    """The tops at which each line of a vertex would be straight, with their weights."""
    wishes = [(tops[edge.tail] + edge.out_y - edge.in_y, _weight(graph, edge)) for edge in graph.up[vertex] if up]
    wishes += [(tops[edge.head] + edge.in_y - edge.out_y, _weight(graph, edge)) for edge in graph.down[vertex] if down]
    return wishes


def _weight(graph: _Columns, edge: Edge) -> float:
    return (1.0, 2.0, STRAIGHTER)[graph.is_bend(edge.tail) + graph.is_bend(edge.head)]


def _settle(graph: _Columns, number: int, tops: list[float], offsets: list[float], *, up: bool, down: bool) -> None:
    """Least squares under the column's order: neighbours that push each other become one block."""
    blocks: list[tuple[float, float, int]] = []
    for vertex, offset in zip(graph.members[number], offsets, strict=True):
        wishes = _wishes(graph, vertex, tops, up=up, down=down) or [(tops[vertex], 0.05)]
        weight = sum(one for _, one in wishes)
        total, count = sum((wish - offset) * one for wish, one in wishes), 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
            before = blocks.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        blocks.append((total, weight, count))
    _put(graph.members[number], offsets, tops, ((total / weight, count) for total, weight, count in blocks))


def _straighten(graph: _Columns, number: int, tops: list[float], offsets: list[float]) -> None:
    """Least absolute distances: as many lines as possible exactly straight."""
    blocks: list[tuple[float, list[tuple[float, float]], int]] = []
    for vertex, offset in zip(graph.members[number], offsets, strict=True):
        wishes = _wishes(graph, vertex, tops, up=True, down=True) or [(tops[vertex], 0.05)]
        own = sorted((wish - offset, weight) for wish, weight in wishes)
        middle, count = _median(own, tops[vertex] - offset), 1
        while blocks and blocks[-1][0] > middle:
            before = blocks.pop()
            own, count = sorted([*before[1], *own]), count + before[2]
            middle = _median(own, before[0])
        blocks.append((middle, own, count))
    _put(graph.members[number], offsets, tops, ((middle, count) for middle, _, count in blocks))


def _median(weighted: list[tuple[float, float]], now: float) -> float:
    """The weighted median; where a whole stretch would do, the place in it that is nearest to `now`."""
    half, total = sum(weight for _, weight in weighted) / 2, 0.0
    for place, (value, weight) in enumerate(weighted):
        total += weight
        if total > half:
            return value
        if total == half:
            return min(max(now, value), weighted[place + 1][0]) if place + 1 < len(weighted) else value
    return weighted[-1][0]


def _put(members: list[int], offsets: list[float], tops: list[float], blocks: Iterable[tuple[float, int]]) -> None:
    place = 0
    for shift, count in blocks:
        for index in range(place, place + count):
            tops[members[index]] = shift + offsets[index]
        place += count


# Places and routes


def _placed(graph: _Columns, sizes: Sequence[Size], links: Sequence[Link], tops: list[float]) -> Arranged:
    widths = [
        max((sizes[vertex].width for vertex in members if vertex < graph.boxes), default=0.0)
        for members in graph.members
    ]
    lefts, x = [], 0.0
    for number, width in enumerate(widths):
        lefts.append(x)
        x += width + (_gap(graph.edges[number], tops, widths, number) if number + 1 < len(widths) else 0.0)
    places = [
        Point(lefts[graph.column[box]] + (widths[graph.column[box]] - size.width) / 2, tops[box])
        for box, size in enumerate(sizes)
    ]
    lanes, lane_count = _lanes(graph, links)
    routes = [
        _route(graph, number, links, places, sizes, lefts, widths, tops, lanes.get(number))
        for number in range(len(links))
    ]
    above = lane_count * LANE_GAP + BOX_GAP if lane_count else 0.0
    if above:
        places = [Point(place.x, place.y + above) for place in places]
        routes = [[Point(point.x, point.y + above) for point in route] for route in routes]
    bottom = max((top + height for top, height in zip(tops, graph.heights, strict=True)), default=0.0)
    return Arranged(places, routes, Size(lefts[-1] + widths[-1] if lefts else 0.0, bottom + above))


def _gap(edges: list[Edge], tops: list[float], widths: list[float], number: int) -> float:
    """Room between a column and the next: more where lines have far to go up or down, or are many."""
    if widths[number] == 0 or widths[number + 1] == 0:
        base = COLUMN_GAP * 0.6
    else:
        base = COLUMN_GAP
    travel = max((abs(tops[edge.tail] + edge.out_y - tops[edge.head] - edge.in_y) for edge in edges), default=0.0)
    return base + min(1.5 * len(edges), 40.0) + min(travel * 0.09, 130.0)


def _lanes(graph: _Columns, links: Sequence[Link]) -> tuple[dict[int, int], int]:
    """A lane for each port with links that run above everything; lanes are used again further right."""
    wanted = sorted(
        (graph.column[source], max(graph.column[links[number].target] for number in numbers), numbers[0], numbers)
        for (source, _), numbers in graph.lanes.items()
    )
    lanes: dict[int, int] = {}
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    count = 0
    for start, end, _, numbers in wanted:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, count = count, count + 1
        heapq.heappush(busy, (end, lane))
        lanes.update(dict.fromkeys(numbers, lane))
    return lanes, count


def _route(
    graph: _Columns,
    number: int,
    links: Sequence[Link],
    places: list[Point],
    sizes: Sequence[Size],
    lefts: list[float],
    widths: list[float],
    tops: list[float],
    lane: int | None,
) -> list[Point]:
    link = links[number]
    start = Point(places[link.source].x + sizes[link.source].width, places[link.source].y + link.out_y)
    end = Point(places[link.target].x, places[link.target].y + link.in_y)
    leaves, enters = graph.column[link.source], graph.column[link.target]
    right = lefts[leaves] + widths[leaves]
    route = [start, Point(right, start.y)]
    if lane is not None:
        y = -BOX_GAP - lane * LANE_GAP
        before = lefts[enters - 1] + widths[enters - 1]
        route += [Point((right + lefts[leaves + 1]) / 2, y), Point((before + lefts[enters]) / 2, y)]
    for bend in graph.bends[number]:
        column = graph.column[bend]
        route += [Point(lefts[column], tops[bend]), Point(lefts[column] + widths[column], tops[bend])]
    route += [Point(lefts[enters], end.y), end]
    return [point for place, point in enumerate(route) if place == 0 or point != route[place - 1]]
