"""How much the engine itself costs: chains and fans of trivial nodes, CPU milliseconds a node and phase.

Run it on a quiet machine: `python -m tests.benchmarks.engine`. Every figure is the best of five or more. All runs have
recipe keys, a store in memory and a listener, which gets every event.

- `parse`: text to document
- `check`: of a document that was not checked before
- `plan`: of the checked document
- `run`: of the plan, by a new engine, whose store is empty
- `graph`: `engine.run(graph)` of a document that was not checked before, by a new engine: check, plan and run
- `run again`: of the plan, by an engine whose store has all results
- `other input`: `engine.run(graph)` by the engine that has just run it with another value: check, plan and run
- `again`: `engine.run(graph)` by an engine that has just run the same graph
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import graphflow as gf
from graphflow.check.check import check
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.execute.events import Event, StepFinished
from graphflow.plan.plan import plan

Timed = Callable[[str, Callable[[], Any]], Any]
"""Calls a function, and keeps its time under a name."""

SIZES = (10, 100, 1_000, 10_000)


@gf.node()
def plus(value: int, *, amount: int = 1) -> int:
    """Add a number."""
    return value + amount


@gf.node()
def total(values: list[int]) -> int:
    """Add all numbers."""
    return sum(values)


CATALOG = gf.Catalog().extended(plus, total)


def chain(count: int) -> str:
    """A document of `count` nodes, each reading the one before."""
    nodes = ["  n0: {type: plus, value: $start, amount: 0}"]
    nodes += [f"  n{i}: {{type: plus, value: $n{i - 1}, amount: {i}}}" for i in range(1, count)]
    return _document(nodes, f"$n{count - 1}")


def fan(count: int) -> str:
    """A document of `count - 1` nodes that read one input, and one that reads them all."""
    nodes = [f"  n{i}: {{type: plus, value: $start, amount: {i}}}" for i in range(count - 1)]
    listed = ", ".join(f"$n{i}" for i in range(count - 1))
    return _document([*nodes, f"  end: {{type: total, values: [{listed}]}}"], "$end")


def _document(nodes: list[str], output: str) -> str:
    lines = [
        "graphflow: 1",
        "inputs: {start: {type: int, default: 1}}",
        "nodes:",
        *nodes,
        f"outputs: {{result: {output}}}",
    ]
    return "\n".join(lines)


COLUMNS = ("parse", "check", "plan", "run", "graph", "run again", "other input", "again")


def measure(text: str, *, best_of: int = 5) -> dict[str, float]:
    """CPU seconds of each of `COLUMNS`."""
    times: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        gc.collect()
        start = time.process_time()
        answer = call()
        times[name] = min(times.get(name, float("inf")), time.process_time() - start)
        return answer

    for _ in range(best_of):
        _phases(text, timed)
        _whole(text, timed)
    return times


def _phases(text: str, timed: Timed) -> None:
    """Time each phase alone."""
    events: Counter[type] = Counter()

    def listen(event: object) -> None:
        events[type(event)] += 1

    document: Document = timed("parse", lambda: parse(text, "benchmark.yaml"))[0]
    checked = timed("check", lambda: check(document, CATALOG))
    planned = timed("plan", lambda: plan(checked))
    with gf.Engine(catalog=CATALOG) as engine:
        first = timed("run", lambda: engine.run(planned, on_event=listen))
        again = timed("run again", lambda: engine.run(planned, on_event=listen))
    if first.outputs != again.outputs or again.executed or len(again.cached) != len(planned.steps):
        raise SystemExit("the second run did something other than the first")
    if events[StepFinished] != 2 * len(planned.steps):
        raise SystemExit("the listener missed an event")


def _whole(text: str, timed: Timed) -> None:
    """Time runs of a graph, with its check and plan."""
    events: list[Event] = []
    graph = gf.Graph.of(parse(text, "benchmark.yaml")[0], catalog=CATALOG)  # type: ignore[arg-type]
    with gf.Engine(catalog=CATALOG) as engine:
        timed("graph", lambda: engine.run(graph, on_event=events.append))
        engine.run(graph, inputs={"start": 2})
        timed("other input", lambda: engine.run(graph, on_event=events.append))
        timed("again", lambda: engine.run(graph, on_event=events.append))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of nodes")
    arguments = parser.parse_args()
    print(__doc__)
    print(f"load average {os.getloadavg()[0]:.2f} at the start, {os.cpu_count()} cores; CPU ms a node")
    print(f"{'graph':<14}" + "".join(f"{name:>13}" for name in COLUMNS) + f"{'again, s':>13}")
    for name, make in (("chain", chain), ("fan", fan)):
        for size in arguments.sizes:
            times = measure(make(size), best_of=max(5, 1_000 // size))
            cells = "".join(f"{times[column] / size * 1000:>13.4f}" for column in COLUMNS)
            print(f"{name:<6}{size:>8}{cells}{times['again']:>13.3f}", flush=True)
    print(f"load average {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
