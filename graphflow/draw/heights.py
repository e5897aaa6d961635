"""The heights in each column: lines are as straight as the order and the gaps between boxes allow."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from graphflow.draw.columns import Columns, Edge

BOX_GAP = 26.0
BEND_GAP = 12.0
STRAIGHTER = 8.0
"""Weight of a link between two bends, relative to one between two boxes: long lines become straight."""


def heights_of(graph: Columns) -> list[float]:
    """The top of each vertex, for lines as straight as the order and the gaps allow."""
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


def _level_trunks(graph: Columns, tops: list[float]) -> None:
    """Move the bends of each line to one height, in stretches as long as their neighbours allow."""
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


def _freedom(graph: Columns, members: list[int], number: int, tops: list[float]) -> tuple[float, float]:
    """How far up and down a vertex can go between its neighbours."""
    vertex, low, high = members[number], float("-inf"), float("inf")
    if number:
        above = members[number - 1]
        low = tops[above] + graph.heights[above] + _room(graph, above, vertex)
    if number + 1 < len(members):
        below = members[number + 1]
        high = tops[below] - graph.heights[vertex] - _room(graph, vertex, below)
    # Floating-point sums differ in the last digits, so a vertex may always stay at its place.
    return min(low, tops[vertex]), max(high, tops[vertex])


def _level(graph: Columns, stretch: list[int], tops: list[float], low: float, high: float) -> None:
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


def _room(graph: Columns, upper: int, lower: int) -> float:
    """The smallest gap between two neighbours in a column."""
    return (BOX_GAP, (BOX_GAP + BEND_GAP) / 2, BEND_GAP)[graph.is_bend(upper) + graph.is_bend(lower)]


def _packed(graph: Columns, members: list[int]) -> list[float]:
    """The tops of a column's vertices when they are packed as closely as allowed."""
    tops, y = [], 0.0
    for place, vertex in enumerate(members):
        tops.append(y)
        if place + 1 < len(members):
            y += graph.heights[vertex] + _room(graph, vertex, members[place + 1])
    return tops


def _wishes(graph: Columns, vertex: int, tops: list[float], *, up: bool, down: bool) -> list[tuple[float, float]]:
    """The tops at which each line of a vertex would be straight, with their weights."""
    wishes = [(tops[edge.tail] + edge.out_y - edge.in_y, _weight(graph, edge)) for edge in graph.up[vertex] if up]
    wishes += [(tops[edge.head] + edge.in_y - edge.out_y, _weight(graph, edge)) for edge in graph.down[vertex] if down]
    return wishes


def _weight(graph: Columns, edge: Edge) -> float:
    return (1.0, 2.0, STRAIGHTER)[graph.is_bend(edge.tail) + graph.is_bend(edge.head)]


def _settle(graph: Columns, number: int, tops: list[float], offsets: list[float], *, up: bool, down: bool) -> None:
    """Least squares within the column's order: neighbours that push each other become one block."""
    blocks: list[tuple[float, float, int]] = []
    for vertex, offset in zip(graph.members[number], offsets, strict=True):
        wishes = _wishes(graph, vertex, tops, up=up, down=down) or [(tops[vertex], 0.05)]
        weight = sum(share for _, share in wishes)
        total, count = sum((wish - offset) * share for wish, share in wishes), 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
            before = blocks.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        blocks.append((total, weight, count))
    _put(graph.members[number], offsets, tops, ((total / weight, count) for total, weight, count in blocks))


def _straighten(graph: Columns, number: int, tops: list[float], offsets: list[float]) -> None:
    """Least absolute distances: as many lines as possible become exactly straight."""
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
    """The weighted median; if a whole interval qualifies, the value in it that is nearest to `now`."""
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
