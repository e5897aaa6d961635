"""Producers first: the order in which nodes can be read, and the cycles that prevent it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from graphflow.document.model import Document
from graphflow.problems import Problem

if TYPE_CHECKING:
    import networkx as nx


def producers_first(document: Document) -> tuple[list[str], list[list[str]]]:
    """Node ids with producers first, otherwise in the order of the document; and all cycles.

    Nodes of a cycle, and those that need one, come last, in the order of the document.
    """
    ids = list(document.nodes)
    position = {id_: number for number, id_ in enumerate(ids)}
    needs: dict[str, set[str]] = {}
    readers: dict[str, list[str]] = {}
    for id_, decl in document.nodes.items():
        needs[id_] = {reference.name for reference, _ in decl.references if reference.name in position}
        for name in needs[id_]:
            readers.setdefault(name, []).append(id_)
    waiting = {id_: len(names) for id_, names in needs.items()}
    ready = [position[id_] for id_, count in waiting.items() if not count]
    order: list[str] = []
    while ready:
        id_ = ids[heapq.heappop(ready)]
        order.append(id_)
        for reader in readers.get(id_, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, position[reader])
    left = [id_ for id_ in ids if waiting[id_]]
    return order + left, _circles(left, needs) if left else []


def _circles(left: Sequence[str], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """One cycle of each strongly connected part, starting with its first node in the document."""
    import networkx as nx

    position = {id_: number for number, id_ in enumerate(left)}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(left)
    for id_ in left:
        graph.add_edges_from((id_, name) for name in sorted(needs[id_] & position.keys(), key=position.__getitem__))
    circles = []
    for knot in sorted(nx.strongly_connected_components(graph), key=lambda ids: min(position[i] for i in ids)):
        first = min(knot, key=position.__getitem__)
        if len(knot) > 1 or graph.has_edge(first, first):
            circles.append([edge[0] for edge in nx.find_cycle(graph.subgraph(knot), first)])
    return circles


def circle_problem(circle: Sequence[str], document: Document) -> Problem:
    """The problem of one cycle, at the reference from its first node to the second."""
    decl = document.nodes[circle[0]]
    following = circle[1 % len(circle)]
    place = next((place for reference, place in decl.references if reference.name == following), decl.place)
    return Problem(
        "cycle",
        "nodes depend on each other in a cycle" if len(circle) > 1 else f"{circle[0]} depends on itself",
        f"{' → '.join([*circle, circle[0]])} (each needs the next)",
        "make one of them read an input or another node",
        place,
    )
