"""The cost of a run per step: numbers of calls and events, and that it does not grow with the graph."""

import gc
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

import graphflow as gf
from graphflow.document.parse import parse
from graphflow.execute import store_use
from graphflow.execute.events import Event
from graphflow.store.memory_store import MemoryStore
from tests.benchmarks import engine as benchmark
from tests.plan.toys import graph

STEPS = 20


class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def lookup(self, key: str) -> Mapping[str, str] | None:
        self.calls["lookup"] += 1
        return super().lookup(key)

    def content(self, digest: str) -> Any:
        self.calls["content"] += 1
        return super().content(digest)

    def put(self, key: str, outputs: Mapping[str, tuple[str, Any]], recipe: str = "") -> None:
        self.calls["put"] += 1
        super().put(key, outputs, recipe)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the recipe keys and the digests of values that are computed."""
    counts: Counter[str] = Counter()

    def counted(name: str) -> None:
        function = getattr(store_use, name)

        def call(*arguments: Any) -> Any:
            counts[name] += 1
            return function(*arguments)

        monkeypatch.setattr(store_use, name, call)

    counted("recipe_key")
    counted("digest_of")
    return counts


def chain() -> gf.Graph:
    nodes = ["  n0: {type: number, value: 5}"]
    nodes += [f"  n{i}: {{type: add, a: $n{i - 1}, plus: {i}}}" for i in range(1, STEPS)]
    return graph("nodes:\n" + "\n".join(nodes) + f"\noutputs: {{end: $n{STEPS - 1}}}")


def test_a_step_is_looked_up_and_stored_once_under_a_key_that_is_computed_once(calls: Counter[str]) -> None:
    store, plan = CountingStore(), chain().plan()
    with gf.Engine(store=store) as engine:
        engine.run(plan)
        assert calls == {"recipe_key": STEPS, "digest_of": STEPS}
        assert store.calls == {"lookup": STEPS, "put": STEPS}
        calls.clear()
        store.calls.clear()
        assert len(engine.run(plan).cached) == STEPS
        assert calls == {"recipe_key": STEPS}
        assert store.calls == {"lookup": STEPS, "content": 1}


def test_a_step_has_two_events_and_one_if_its_result_is_stored() -> None:
    plan, events = chain().plan(), Counter[str]()
    with gf.Engine() as engine:
        engine.run(plan, on_event=lambda event: events.update([type(event).__name__]))
        assert events == {
            "RunStarted": 1,
            "StepStarted": STEPS,
            "StepFinished": STEPS,
            "OutputReady": 1,
            "RunFinished": 1,
        }
        events.clear()
        engine.run(plan, on_event=lambda event: events.update([type(event).__name__]))
        assert events == {"RunStarted": 1, "StepFinished": STEPS, "OutputReady": 1, "RunFinished": 1}


def seconds_a_node(count: int) -> float:
    """CPU seconds that a node costs in a chain of `count`: check, plan and run, with keys and a listener."""
    seconds = []
    for _ in range(3):
        unchecked = gf.Graph.of(parse(benchmark.chain(count), "chain.yaml")[0], catalog=benchmark.CATALOG)
        events: list[Event] = []
        with gf.Engine(catalog=benchmark.CATALOG) as engine:
            gc.collect()
            start = time.process_time()
            engine.run(unchecked, on_event=events.append)
            seconds.append(time.process_time() - start)
    return min(seconds) / count


def test_a_node_of_ten_thousand_costs_as_much_as_one_of_a_thousand() -> None:
    # Measured 1.1; a step that looked at all others would cost ten times as much.
    assert seconds_a_node(10_000) < 1.5 * seconds_a_node(1_000)
