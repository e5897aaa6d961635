"""Steps computed in one call: each has its own value, events, key and failure."""

from __future__ import annotations

import threading

import pytest

import graphflow as gf
from graphflow.execute.events import StepFinished, StepProgress, StepStarted
from graphflow.store.memory_store import MemoryStore
from graphflow.store.store import GONE
from tests.plan import batch_toys
from tests.plan.batch_toys import CALLS, TOYS
from tests.plan.toys import graph, load


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def document(values, *more):
    return graph(
        "\n".join([
            "nodes:",
            f"  a: {{type: trebled, for_each: {{value: {list(values)}}}}}",
            *more,
            "outputs: {a: $a}" if not more else "",
        ]),
        catalog=TOYS,
    )  # fmt: skip


def engine(**more):
    return gf.Engine(loader=load, **more)


def failed(values, batch=4):
    with engine() as one, pytest.raises(gf.RunFailed) as caught:
        one.run(document(values), batch=batch)
    return caught.value.result


def test_each_step_has_its_own_value():
    with engine() as one:
        result = one.run(document([1, 2, 3]), batch=4)
    assert result["a"] == (3003, 3006, 3009)
    assert result.executed == ["a[0]/treble", "a[1]/treble", "a[2]/treble"]
    assert CALLS == [3]


def test_by_default_each_step_is_computed_alone():
    with engine() as one:
        assert one.run(document([1, 2]))["a"] == (1003, 1006)
    assert CALLS == [1, 1]


def test_each_step_has_its_own_events_and_the_call_one_progress():
    events = []
    with engine() as one:
        one.run(document([1, 2]), batch=2, on_event=events.append)
    paths = ("a[0]/treble", "a[1]/treble")
    assert [event for event in events if isinstance(event, StepStarted)] == [StepStarted(path, paths) for path in paths]
    assert [(event.step, event.done) for event in events if isinstance(event, StepProgress)] == [
        (paths[0], 1),
        (paths[0], 2),
    ]
    ends = [event for event in events if isinstance(event, StepFinished)]
    assert [(end.step, end.batch, end.values) for end in ends] == [
        (paths[0], 2, {"int": 2003}),
        (paths[1], 2, {"int": 2006}),
    ]
    assert ends[0].seconds == ends[1].seconds > 0


def test_a_repeated_run_takes_all_from_the_store():
    with engine() as one:
        one.run(document([1, 2, 3]), batch=4)
        again = one.run(document([1, 2, 3]), batch=8)
    assert not again.executed
    assert again["a"] == (3003, 3006, 3009)
    assert CALLS == [3]


def test_a_value_of_a_batch_is_never_one_of_a_single_call_or_of_another_batch():
    with engine() as one:
        one.run(document([1, 2, 3]), batch=3)
        assert one.run(document([1, 2, 3]))["a"] == (1003, 1006, 1009)
        assert one.run(document([1, 2, 3]), batch=2)["a"] == (2003, 2006, 1009)
    assert CALLS == [3, 1, 1, 1, 2]


def test_if_one_step_is_not_in_the_store_the_call_has_its_size_all_the_same():
    with engine() as one:
        one.run(document([1, 2, 3]), batch=3)
        assert one.run(document([1, 2, 4]), batch=3)["a"] == (3003, 3006, 3012)
        assert CALLS == [3, 3]
        # Each value is known at its place, beside whatever others.
        assert not one.run(document([1, 2, 3]), batch=3).executed


def test_a_failure_is_that_of_the_step_alone():
    result = failed([1, -1, 3])
    assert result.partial["a"] == {0: 1003, 2: 1009}
    assert list(result.failed) == ["a[1]/treble"]
    assert "it is bad" in str(result.failed["a[1]/treble"])
    (warning,) = result.warnings
    assert (
        str(warning)
        .splitlines()[0]
        .endswith("a[0]/treble and 2 more could not be computed in one call; they are computed one by one")
    )
    assert CALLS == [3, 1, 1, 1]


def test_memory_that_runs_out_halves_the_call():
    with engine() as one:
        result = one.run(document([-2, 2, 3, 4, 5, 6]), batch=8)
        assert result["a"] == (2994, 3006, 3009, 3012, 3015, 3018)
        assert CALLS == [6, 3, 3]
        assert "they are computed 3 at a time" in str(result.warnings[0])
        again = one.run(document([-2, 2, 3, 4, 5, 6]), batch=8)
    assert again["a"] == result["a"]
    assert not again.executed


def test_a_warning_names_the_step_that_gives_it():
    with engine() as one:
        result = one.run(document([1, 66, 3]), batch=4)
    (warning,) = result.warnings
    assert str(warning).startswith("graph.yaml:3:3: warning: step-warning: a[1]/treble: it is 66")
    assert result["a"] == (1003, 1198, 1009)
    assert CALLS == [3, 1, 1, 1]


def test_a_step_whose_input_failed_does_not_keep_back_the_others():
    text = """
        nodes:
          n: {type: trebled, model: b, for_each: {value: [1, -1, 3]}}
          a: {type: trebled, for_each: {value: $n}}
        outputs: {a: $a}
    """
    with engine() as one, pytest.raises(gf.RunFailed) as caught:
        one.run(graph(text, catalog=TOYS), batch=4)
    result = caught.value.result
    assert result.partial["a"] == {0: 3 * 1003 + 2000, 2: 3 * 1009 + 2000}
    assert result.not_run == {"a[1]/treble": "n[1]/treble failed"}


def test_cancelling_stops_a_call_at_its_next_progress():
    with engine() as one:

        def listen(event):
            if isinstance(event, StepProgress):
                thread = threading.Thread(target=one.cancel)
                thread.start()
                thread.join()

        with pytest.raises(gf.Cancelled) as caught:
            one.run(document([1, 2, 3, 4]), batch=2, on_event=listen)
        assert caught.value.result is not None
        assert caught.value.result.executed == []
        assert one.run(document([1, 2]), batch=2)["a"] == (2003, 2006)


def test_an_error_of_the_listener_ends_the_run():
    def listen(event):
        if isinstance(event, StepProgress):
            raise RuntimeError("the display is gone")

    with engine() as one, pytest.raises(RuntimeError, match="the display is gone"):
        one.run(document([1, 2]), batch=2, on_event=listen)
    assert CALLS == [2]


class Forgetful(MemoryStore):
    """A store that knows every recipe and has no contents."""

    def content(self, digest):
        return GONE


def test_values_that_the_store_lost_are_made_again_in_a_call_of_the_same_size():
    more = ("  b: {type: total, values: $a}", "outputs: {first: '$a[0]', b: $b}")
    store = Forgetful()
    with engine(store=store) as one:
        first = one.run(document([1, 2, 3], *more), batch=4)
        again = one.run(document([1, 2, 3], *more), batch=4)
    assert again.outputs == first.outputs
    assert set(CALLS) == {3}


def test_values_that_the_store_lost_are_made_again_as_after_memory_ran_out():
    store = Forgetful()
    with engine(store=store) as one:
        first = one.run(document([-2, 2, 3, 4, 5]), batch=8)
        assert first["a"] == (2994, 3006, 3009, 3 * 4 + 2000, 3 * 5 + 2000)
        again = one.run(document([-2, 2, 3, 4, 5]), batch=8)
    assert again["a"] == first["a"]


def test_steps_that_are_not_cached_are_computed_together_too():
    text = "nodes: {a: {type: trebled, cache: false, for_each: {value: [1, 2]}}}"
    with engine() as one:
        assert one.run(graph(text, catalog=TOYS), batch=2)["a"] == (2003, 2006)
        assert one.run(graph(text, catalog=TOYS), batch=2)["a"] == (2003, 2006)
    assert CALLS == [2, 2]


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "many", "0", ""])
def test_a_size_that_is_none_is_refused(batch):
    with engine() as one, pytest.raises(gf.errors.InvalidValue, match="is not a batch size"):
        one.run(document([1]), batch=batch)


def test_values_are_freed_after_a_batch():
    plan = batch_toys.planned("nodes: {a: {type: trebled, for_each: {value: [1, 2]}}, b: {type: total, values: $a}}")
    with engine() as one:
        assert one.execute(plan).outputs == {"b": 2003 + 2006}
