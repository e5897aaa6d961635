"""Adding a node costs the same however many there are."""

import statistics
import time

import graphflow as gf
from tests.plan.toys import built


def seconds_a_node(count: int) -> float:
    """What one more node costs in a graph that has `count` already: the median over its next nodes."""
    graph = built()
    last = graph.add("number", value=1)
    costs = []
    for number in range(count + 60):
        start = time.perf_counter()
        last = graph.add("add", a=last, plus=number)
        costs.append(time.perf_counter() - start)
    return statistics.median(costs[-60:])


def test_adding_a_node_to_a_large_graph_costs_as_much_as_to_a_small_one() -> None:
    seconds_a_node(100)  # imports and caches
    # Without a counter a graph of 3,000 nodes is ten times as slow as one of 100.
    assert seconds_a_node(3_000) < 3 * seconds_a_node(100)


def test_ids_that_are_made_skip_those_that_are_taken() -> None:
    graph = built()
    graph.input("number_3", "int", default=1)
    graph.add("number", id="number_5")
    made = [repr(graph.add("number", value=n)) for n in range(4)]
    assert made == [f"<NodeHandle $number{tail}>" for tail in ("", "_2", "_4", "_6")]
    loaded = gf.Graph.of(graph.document, catalog=graph.catalog)
    assert repr(loaded.add("number")) == "<NodeHandle $number_7>"
