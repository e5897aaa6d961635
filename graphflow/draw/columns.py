"""The columns of a layered drawing: the boxes in each, and the bends of long lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """A position; x grows to the right, y downwards."""

    x: float
    y: float


class Size(NamedTuple):
    """Width and height of a box."""

    width: float
    height: float


class Link(NamedTuple):
    """A line from the right side of one box to the left side of another; heights are below the tops of the boxes."""

    source: int
    out_y: float
    target: int
    in_y: float


class Edge(NamedTuple):
    """A piece of a link between neighbouring columns."""

    tail: int
    out_y: float
    head: int
    in_y: float


@dataclass
class Columns:
    """The graph with its bends: vertices are first the boxes, then the bends (height 0)."""

    heights: list[float]
    column: list[int]
    members: list[list[int]]
    edges: list[list[Edge]]
    """By the column of the tail."""
    bends: list[list[int]] = field(default_factory=list)
    """The bends of each link."""
    lanes: dict[tuple[int, float], list[int]] = field(default_factory=dict)
    """Links too long for bends, by source and port: they run above all boxes."""
    trunks: list[list[int]] = field(default_factory=list)
    """Bends in neighbouring columns that should have the same height."""
    boxes: int = 0
    up: list[list[Edge]] = field(default_factory=list)
    down: list[list[Edge]] = field(default_factory=list)

    def is_bend(self, vertex: int) -> bool:
        # A frame's gate is a box without height: lines should pass it as straight as a bend.
        return not self.heights[vertex]


def assign(count: int, links: Sequence[Link], first: frozenset[int], last: frozenset[int]) -> list[int]:
    """The column of each box: right of everything that it reads, then moved towards its readers to shorten lines.

    Raises:
        ValueError: the links form a cycle.
    """
    sources: list[set[int]] = [set() for _ in range(count)]
    readers: list[set[int]] = [set() for _ in range(count)]
    for link in links:
        sources[link.target].add(link.source)
        readers[link.source].add(link.target)
    order = _in_generations(sources)
    column = [1 if first else 0] * count
    for box in order:
        if box in first:
            column[box] = 0
        for reader in readers[box]:
            column[reader] = max(column[reader], column[box] + 1)
    for box in reversed(order):
        # A box with more readers than sources moves next to its readers, so that fewer lines are long.
        if box not in first and len(readers[box]) > len(sources[box]):
            column[box] = min(column[reader] for reader in readers[box]) - 1
    end = max((column[box] for box in range(count) if box not in last), default=-1) + 1
    for box in last:
        column[box] = end
    return column


def _in_generations(sources: Sequence[set[int]]) -> list[int]:
    """All boxes, those that read nothing first, then those that read only these, and so on; each part in order.

    Raises:
        ValueError: the links form a cycle.
    """
    sorter = TopologicalSorter(dict(enumerate(sources)))
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError("the links form a cycle") from error
    order: list[int] = []
    while sorter.is_active():
        generation = sorted(sorter.get_ready())
        order += generation
        sorter.done(*generation)
    return order


def with_bends(sizes: Sequence[Size], links: Sequence[Link], column: list[int]) -> Columns:
    """The columns with a bend wherever a link passes a column, shared by all links of a port.

    If there would be too many bends, the longest links get none and become lanes.
    """
    count = len(sizes)
    width = max(column, default=0) + 1
    graph = Columns(
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


def _bend(graph: Columns, column: int) -> int:
    graph.heights.append(0.0)
    graph.column.append(column)
    graph.members[column].append(len(graph.heights) - 1)
    return len(graph.heights) - 1


def _affordable(trunks: dict[tuple[int, float], list[int]], links: Sequence[Link], column: list[int], most: int) -> int:
    """The longest span of a link for which the number of all bends is at most `most`."""
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
