"""A list of which some items failed: the finished ones are kept, named by their own numbers, and freed as any value."""

import pytest

import graphflow as gf
from graphflow.execute.events import OutputReady, StepFinished, StepStarted
from graphflow.store.memory_store import MemoryStore
from tests.execute.test_freeing import alive
from tests.plan.toys import CATALOG, graph


@gf.node()
def not_one(*, value: int) -> int:
    """Fail for 1."""
    if value == 1:
        raise ValueError("one is refused")
    return value * 10


@gf.node()
def dark(*, shade: int, width: int = 37) -> gf.Image:
    """A picture of one shade; no other picture of the tests is as wide."""
    if shade == 1:
        raise ValueError("too dark")
    return gf.Image(bytes([shade]) * (3 * 2 * width), width, 2)


CALLS: list[int] = []


@gf.node()
def flaky(*, value: int) -> int:
    """Fail at the second call."""
    CALLS.append(value)
    if len(CALLS) == 2:
        raise OSError("not yet")
    return value


@gf.node()
def once(*, value: int) -> gf.Image:
    """Fail where 1 was asked for before."""
    CALLS.append(value)
    if CALLS.count(1) > 1:
        raise OSError("only once")
    return gf.Image(bytes([value]) * 12, 2, 2)


NODES = CATALOG.extended(not_one, dark, flaky, once)
ITEMS = """
    nodes:
      n: {type: not_one, for_each: {value: [0, 1, 2]}}
      after: {type: number, value: 5}
    outputs: {n: $n, after: $after}
"""
PICTURES = "nodes: {p: {type: dark, for_each: {shade: [0, 1, 2]}}, c: {type: number}}\noutputs: {p: $p, c: $c}"


def failed(text: str, engine: gf.Engine | None = None, **options) -> gf.Result:
    with pytest.raises(gf.RunFailed) as caught:
        (engine.run if engine else gf.run)(graph(text, catalog=NODES), **options)
    return caught.value.result


def test_finished_items_are_kept_under_their_own_numbers():
    result = failed(ITEMS)
    assert result.outputs == {"after": 5}
    assert result.partial == {"n": {0: 0, 2: 20}}
    assert result.missing == {"n": {1: "n[1] failed"}}
    assert result.absent == {"n": "1 of 3 items is missing: 1 (n[1] failed)"}


def test_a_partial_output_is_not_taken_for_a_whole_one():
    result = failed(ITEMS)
    assert "n" not in result
    with pytest.raises(gf.GraphflowError, match=r"n is not complete: 1 of 3 items is missing.*\.partial\['n'\]"):
        result["n"]


def test_a_list_without_a_finished_item_is_absent():
    result = failed("nodes: {n: {type: not_one, for_each: {value: [1, 1]}, cache: false}}\noutputs: {n: $n}")
    assert (result.outputs, result.partial) == ({}, {})
    assert result.absent == {"n": "n[0] failed"}


def test_what_stands_behind_a_failed_item_is_missing_too():
    result = failed("""
        nodes:
          n: {type: not_one, for_each: {value: [0, 1, 2]}}
          m: {type: add, for_each: {a: $n}}
        outputs: {m: $m}
    """)
    assert result.partial == {"m": {0: 0, 2: 20}}
    assert result.missing == {"m": {1: "n[1] failed"}}


def test_many_missing_items_are_counted():
    values = ", ".join(["1"] * 20 + ["0"])
    result = failed(
        f"nodes: {{n: {{type: not_one, for_each: {{value: [{values}]}}, cache: false}}}}\noutputs: {{n: $n}}"
    )
    assert result.absent["n"].startswith("20 of 21 items are missing: 0 (n[0] failed)")
    assert result.absent["n"].endswith(" and 15 more")


def test_the_event_names_the_items():
    told = []
    failed(ITEMS, on_event=lambda event: told.append(event) if isinstance(event, OutputReady) else None)
    assert [(event.name, event.items, event.value) for event in told] == [("n", (0, 2), (0, 20)), ("after", None, 5)]


def test_finished_items_are_freed_with_the_result():
    # Nothing but the result holds them: not the run, whose readers are done, and not the failure.
    counts = {}

    def count(event):
        if isinstance(event, StepStarted):
            counts[event.step] = alive()

    result = failed(PICTURES, on_event=count)
    assert counts["c"] == 2
    assert alive() == 2
    result.partial.clear()
    assert alive() == 0


def test_the_next_run_makes_the_failed_item_alone():
    CALLS.clear()
    engine, text = gf.Engine(), "nodes: {n: {type: flaky, for_each: {value: [0, 1, 2]}}}\noutputs: {n: $n}"
    with pytest.raises(gf.RunFailed):
        engine.run(graph(text, catalog=NODES))
    result = engine.run(graph(text, catalog=NODES))
    assert (result["n"], CALLS) == ((0, 1, 2), [0, 1, 2, 1])


def test_items_finished_before_a_cancellation_are_kept():
    engine, told = gf.Engine(), []

    def listen(event):
        told.append(event)
        if isinstance(event, StepFinished) and event.step == "n[1]":
            engine.cancel()

    text = "nodes: {n: {type: number, for_each: {value: [4, 5, 6]}}}\noutputs: {n: $n}"
    with pytest.raises(gf.Cancelled) as caught:
        engine.run(graph(text, catalog=NODES), on_event=listen)
    result = caught.value.result
    assert result.partial == {"n": {0: 4, 1: 5}}
    assert result.missing == {"n": {2: "the run was cancelled"}}
    assert [event.items for event in told if isinstance(event, OutputReady)] == [(0, 1)]


def test_an_item_whose_content_is_lost_and_cannot_be_made_again_is_missing():
    CALLS.clear()
    text = "nodes: {n: {type: once, for_each: {value: [0, 1]}}}\noutputs: {n: $n}"
    engine = gf.Engine(store=MemoryStore(limit=0))
    engine.run(graph(text, catalog=NODES))
    with pytest.raises(gf.RunFailed) as caught:
        engine.run(graph(text, catalog=NODES))
    result = caught.value.result
    assert list(result.partial["n"]) == [0]
    assert result.missing == {"n": {1: "n[1] failed"}}
    assert (result.cached, result.executed) == ([], ["n[0]"])
