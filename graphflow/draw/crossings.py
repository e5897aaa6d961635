"""The order in each column: sorted by barycentres, then neighbours are swapped while fewer lines cross."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from statistics import fmean

from graphflow.draw.columns import Columns


def order(graph: Columns) -> None:
    """Order every column so that few lines cross."""
    large = len(graph.heights) > 3000
    best, fewest = [list(members) for members in graph.members], _crossings(graph)
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
            best, fewest, stale = [list(members) for members in graph.members], crossings, 0
        else:
            stale += 1
        if fewest == 0 or stale == 6:
            break
    graph.members = best


def _positions(graph: Columns) -> list[float]:
    position = [0.0] * len(graph.heights)
    for members in graph.members:
        for place, vertex in enumerate(members):
            position[vertex] = float(place)
    return position


def _spot(graph: Columns, position: list[float], vertex: int, y: float) -> float:
    """The height at which a line meets a column: the vertex's place in it plus the share of its height."""
    return position[vertex] + (y / graph.heights[vertex] if graph.heights[vertex] else 0.5)


def _by_barycentre(graph: Columns, members: list[int], position: list[float], *, forward: bool) -> None:
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


def _exchange(graph: Columns) -> None:
    """Swap neighbours in a column while that removes crossings."""
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


def _between(graph: Columns, position: list[float], upper: int, lower: int) -> int:
    """Number of crossings between the lines of two neighbours, one above the other."""
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
            count += sum(bisect_left(below, spot) for spot in above)
    return count


def _crossings(graph: Columns) -> int:
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
