"""What torch reports is part of recipe keys; a store remembers it, so that results can be looked up without torch."""

import json

import pytest

import graphflow as gf
from graphflow.document.parse import parse
from graphflow.execute.environments import Environments
from graphflow.execute.events import TorchReported
from graphflow.execute.resources import Libraries
from graphflow.store.memory_store import MemoryStore
from graphflow.values.tensors import settings


@gf.node(environment="torch")
def twice(*, value: int = 1) -> int:
    return 2 * value


@gf.node()
def thrice(*, value: int = 1) -> int:
    return 3 * value


CATALOG = gf.Catalog().extended(twice, thrice)


def graph(text):
    return gf.Graph.of(parse("graphflow: 1\n" + text, "graph.yaml")[0], catalog=CATALOG)


TWICE = "nodes: {a: {type: twice}}"


@pytest.fixture
def store():
    return MemoryStore()


def environments(text, store, *, ask=False):
    """The environments of a graph, and the events that they send."""
    planned, events = graph(text).plan(), []
    if not ask:
        return Environments(planned, store, send=events.append), events
    libraries = Libraries(planned)
    made = Environments(planned, store, libraries, events.append)
    with libraries:
        made.recall()
        made.ask()
    return made, events


def test_a_run_without_torch_depends_on_the_versions_of_pillow_and_numpy(store):
    made, events = environments("nodes: {a: {type: thrice}}", store)
    made.recall()
    assert made.text("pure").split()[::2] == ["Pillow", "numpy"]
    assert (made.assumed, events) == (False, [])


def test_without_facts_the_environment_of_torch_is_not_known(store):
    made, _ = environments(TWICE, store)
    made.recall()
    assert made.text("torch") is None


def test_what_torch_reports_is_remembered(store):
    asked, events = environments(TWICE, store, ask=True)
    later, later_events = environments(TWICE, store)
    later.recall()
    assert later.text("torch") == asked.text("torch") is not None
    assert (later.assumed, asked.assumed) == (True, False)
    assert events == later_events == [TorchReported(settings("cpu"))]


@pytest.mark.parametrize("name", list(settings("cpu")))
def test_every_fact_is_part_of_the_environment(store, name):
    asked, _ = environments(TWICE, store, ask=True)
    remembered = {**settings("cpu"), name: "another"}
    store.facts = lambda machine: json.dumps(remembered)
    other, _ = environments(TWICE, store)
    other.recall()
    assert other.text("torch") != asked.text("torch")


def test_a_variable_that_changes_results_is_part_of_the_environment(store, monkeypatch):
    before = environments(TWICE, store, ask=True)[0].text("torch")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert environments(TWICE, store, ask=True)[0].text("torch") != before


def test_it_does_not_matter_how_the_number_of_threads_was_set(store, monkeypatch):
    before = environments(TWICE, store, ask=True)[0].text("torch")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert environments(TWICE, store, ask=True)[0].text("torch") == before


def test_another_answer_replaces_the_remembered_one(store):
    wrong = {**settings("cpu"), "threads": 77}
    _, _ = environments(TWICE, store, ask=True)
    store._facts = dict.fromkeys(store._facts, json.dumps(wrong))
    planned, events = graph(TWICE).plan(), []
    libraries = Libraries(planned)
    made = Environments(planned, store, libraries, events.append)
    made.recall()
    assert made.assumed
    before = made.text("torch")
    with libraries:
        made.ask()
    assert (made.assumed, made.text("torch") != before) == (False, True)
    assert [event.facts["threads"] for event in events] == [77, settings("cpu")["threads"]]
    later, _ = environments(TWICE, store)
    later.recall()
    assert later.text("torch") == made.text("torch")


@pytest.mark.parametrize("facts", ["", "[]", "{", "null"])
def test_damaged_facts_are_not_used(store, facts):
    store.facts = lambda machine: facts
    made, _ = environments(TWICE, store)
    made.recall()
    assert made.text("torch") is None


def test_a_store_that_fails_does_not_keep_torch_from_being_asked(store):
    def fail(*_):
        raise OSError("the disk is full")

    store.facts = store.report = fail
    made, events = environments(TWICE, store, ask=True)
    assert made.text("torch")
    assert len(events) == 1


def test_a_run_reports_the_facts_before_its_first_step(store):
    events = []
    gf.Engine(catalog=CATALOG, store=store).run(graph(TWICE), on_event=events.append)
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("TorchReported") < kinds.index("StepStarted")
    assert kinds.count("TorchReported") == 1
