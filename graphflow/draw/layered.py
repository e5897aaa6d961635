"""Arrange boxes in columns from left to right: Sugiyama's method for one connected part of a graph.

Why not a library: the maintained one needs a recent C library and supports neither boxes of different sizes nor
ports; the pure-Python one is not maintained, and its licence does not fit.

Columns come from longest paths. A link that passes columns gets a *bend* in each, shared by all links that leave
the same port, so that they run as one line until they separate. The order in a column follows the barycentres of
the neighbours, then swaps; heights minimise squared, then absolute distances, each solved exactly within that
order, so that nothing can overlap. Ties are decided by number, never by name. Nothing recurses.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphflow.draw.columns import Columns, Edge, Link, Point, Size, assign, with_bends
from graphflow.draw.crossings import order
from graphflow.draw.heights import BOX_GAP, heights_of

LANE_GAP = 9.0
COLUMN_GAP = 46.0


@dataclass
class Arranged:
    """The positions of boxes and the routes of links.

    Attributes:
        places: upper left corner of each box.
        routes: the points of each link from source to target. Points of equal height are joined by a straight
            line, others by a curve that is level at both ends and stays between their columns.
    """

    places: list[Point]
    routes: list[list[Point]]
    size: Size


def arrange(
    sizes: Sequence[Size], links: Sequence[Link], *, first: Iterable[int] = (), last: Iterable[int] = ()
) -> Arranged:
    """Arrange one connected part of a graph.

    Args:
        sizes: of the boxes.
        links: without cycles.
        first: boxes that are alone in the first column.
        last: boxes that are alone in the last column.

    Raises:
        ValueError: the links form a cycle.
    """
    column = assign(len(sizes), links, frozenset(first), frozenset(last))
    graph = with_bends(sizes, links, column)
    order(graph)
    tops = heights_of(graph)
    return _placed(graph, sizes, links, tops)


def _placed(graph: Columns, sizes: Sequence[Size], links: Sequence[Link], tops: list[float]) -> Arranged:
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
    """The gap between a column and the next, wider for many lines and for steep ones."""
    if widths[number] == 0 or widths[number + 1] == 0:
        base = COLUMN_GAP * 0.6
    else:
        base = COLUMN_GAP
    travel = max((abs(tops[edge.tail] + edge.out_y - tops[edge.head] - edge.in_y) for edge in edges), default=0.0)
    return base + min(1.5 * len(edges), 40.0) + min(travel * 0.09, 130.0)


def _lanes(graph: Columns, links: Sequence[Link]) -> tuple[dict[int, int], int]:
    """A lane for each port with links that run above all boxes; lanes are reused further right."""
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
    graph: Columns,
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
