"""How much the engine itself costs: chains and fans of trivial nodes, milliseconds a node and phase.

Run it on a quiet machine: `python tests/benchmarks/engine.py`. Every figure is the best of three.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from typing import Any

import graphflow as gf
from graphflow.check.check import check
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.plan.plan import plan

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


def measure(text: str, *, best_of: int = 3) -> dict[str, float]:
    """Seconds of each phase; `again whole` is a whole `engine.run` of the document with a warm engine."""
    document: Document = parse(text, "benchmark.yaml")[0]  # type: ignore[assignment]
    times: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        gc.collect()
        start = time.perf_counter()
        answer = call()
        times[name] = min(times.get(name, float("inf")), time.perf_counter() - start)
        return answer

    for _ in range(best_of):
        timed("parse", lambda: parse(text, "benchmark.yaml"))
        _round(document, timed)
    return times


def _round(document: Document, timed: Callable[[str, Callable[[], Any]], Any]) -> None:
    checked = timed("check", lambda: check(document, CATALOG))
    planned = timed("plan", lambda: plan(checked))
    with gf.Engine(catalog=CATALOG) as engine:
        first = timed("first run", lambda: engine.run(planned))
        again = timed("run again", lambda: engine.run(planned))
        graph = gf.Graph.of(document, catalog=CATALOG)
        engine.run(graph)
        timed("again whole", lambda: engine.run(graph))
    if first.outputs != again.outputs or again.executed or len(again.cached) != len(planned.steps):
        raise SystemExit("the second run did something other than the first")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of nodes")
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.2f} at the start, {os.cpu_count()} cores; ms a node")
    columns = ("parse", "check", "plan", "first run", "run again", "again whole")
    print(f"{'graph':<14}" + "".join(f"{name:>13}" for name in columns) + f"{'run again, s':>15}")
    for name, make in (("chain", chain), ("fan", fan)):
        for size in arguments.sizes:
            times = measure(make(size))
            cells = "".join(f"{times[column] / size * 1000:>13.4f}" for column in columns)
            print(f"{name:<6}{size:>8}{cells}{times['run again']:>15.3f}")
    print(f"load average {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
