"""What is known before a run: results in the store, steps that have to be executed, and those that depend on others."""

import pytest

import graphflow as gf
from graphflow.execute.environments import Environments
from graphflow.execute.events import StepFinished
from graphflow.execute.forecast import forecast
from graphflow.store.memory_store import MemoryStore
from tests.plan.toys import graph

CHAIN = "nodes: {a: {type: number, value: 12}, b: {type: digits, value: $a}, c: {type: add, a: $b.tens}}"


@pytest.fixture
def store():
    return MemoryStore()


def chances(store, text):
    planned = graph(text).plan()
    found = forecast(planned, store, Environments(planned, store))
    return {step.path: (one.state, *one.after) for step, one in zip(planned.steps, found, strict=True)}


def run(store, text):
    """The steps that were executed, and those that were taken from the store."""
    events = []
    gf.Engine(store=store).run(graph(text), on_event=events.append)
    ended = [event for event in events if isinstance(event, StepFinished)]
    return [event.step for event in ended if not event.cached], [event.step for event in ended if event.cached]


def test_an_empty_store_has_nothing(store):
    assert chances(store, CHAIN) == {"a": ("run",), "b": ("run",), "c": ("run",)}


def test_after_a_run_all_results_are_there(store):
    run(store, CHAIN)
    assert chances(store, CHAIN) == {"a": ("hit",), "b": ("hit",), "c": ("hit",)}


def test_a_changed_step_is_executed_and_what_follows_may_be_there_if_it_gives_the_same(store):
    run(store, CHAIN)
    assert chances(store, CHAIN.replace("12", "17")) == {"a": ("run",), "b": ("perhaps", "a"), "c": ("perhaps", "b")}
    # 17 has the same tens as 12.
    assert run(store, CHAIN.replace("12", "17")) == (["a", "b"], ["c"])


def test_a_step_that_was_never_made_is_executed_whatever_comes_before(store):
    run(store, CHAIN)
    changed = CHAIN.replace("12", "17").replace("$b.tens", "$b.tens, plus: 5")
    assert chances(store, changed) == {"a": ("run",), "b": ("perhaps", "a"), "c": ("run",)}


def test_only_the_steps_after_a_change_are_executed(store):
    run(store, CHAIN)
    changed = CHAIN.replace("$b.tens", "$b.tens, plus: 5")
    assert chances(store, changed) == {"a": ("hit",), "b": ("hit",), "c": ("run",)}
    assert run(store, changed) == (["c"], ["a", "b"])


def test_nothing_is_looked_up_for_a_node_that_is_not_cached(store):
    text = CHAIN.replace("value: $a}", "value: $a, cache: false}")
    run(store, text)
    assert chances(store, text) == {"a": ("hit",), "b": ("run",), "c": ("perhaps", "b")}


class Forgetful(MemoryStore):
    """Keeps no contents, only digests."""

    def has(self, digest):
        return False


def test_steps_whose_values_are_lost_are_executed_only_if_something_reads_them():
    store = Forgetful(limit=0)
    run(store, CHAIN)
    # The output needs c, which needs the value of b, and so on.
    assert chances(store, CHAIN) == {"a": ("run",), "b": ("run",), "c": ("run",)}
    assert run(store, CHAIN)[0] == ["a", "b", "c"]


class Asked(MemoryStore):
    """Remembers about which values it was asked."""

    def __init__(self):
        super().__init__()
        self.values = []

    def has(self, digest):
        self.values.append(self.content(digest))
        return super().has(digest)


def test_only_values_that_something_reads_have_to_be_there():
    store = Asked()
    run(store, CHAIN)
    chances(store, CHAIN)
    assert store.values == [1]  # of c: the tens of 12


BATCH = """
    nodes:
      p: {type: paint, for_each: {shade: [1, 2, 3]}}
    outputs: {all: $p}
"""


def test_every_item_of_a_list_has_a_chance_of_its_own(store):
    run(store, BATCH.replace("[1, 2, 3]", "[1, 3]"))
    assert list(chances(store, BATCH).values()) == [("hit",), ("run",), ("hit",)]
