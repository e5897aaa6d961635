"""How a run ends where something other than a step fails: the listener, the store, a value's digest."""

import contextlib

import pytest

import graphflow as gf
from graphflow.execute.events import OutputReady, RunFinished, StepFinished, StepProgress, StepStarted, StepWarned
from graphflow.execute.result import Result
from graphflow.plan.plan import Plan
from graphflow.store.memory_store import MemoryStore
from tests.plan.toys import CATALOG, graph

CHAIN = """
    nodes: {a: {type: number, value: 12}, b: {type: add, a: $a, plus: 1}, c: {type: add, a: $b}}
    outputs: {b: $b, c: $c}
"""


class Ends:
    """Takes the results that runs end with."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.events: list[object] = []

    def __call__(self, event) -> None:
        self.events.append(event)

    def close(self, result: Result) -> None:
        self.results.append(result)


def ended(plan: Plan, listener, error: type[BaseException]) -> Result:
    ends = Ends()
    with gf.Engine() as engine, pytest.raises(error):
        engine.execute(plan, listener, ends)
    (result,) = ends.results
    return result


def raising(when: type, error: BaseException):
    def listen(event):
        if isinstance(event, when):
            raise error

    return listen


@pytest.mark.parametrize("when", [StepStarted, StepFinished, OutputReady, RunFinished])
def test_a_failing_listener_ends_the_run_as_an_error(when):
    result = ended(graph(CHAIN).plan(), raising(when, ZeroDivisionError("the screen broke")), ZeroDivisionError)
    assert result.state == "error"
    assert result.error == "ZeroDivisionError: the screen broke"


def test_a_listener_that_fails_during_progress_is_not_the_steps_failure():
    @gf.node()
    def stubborn(context: gf.Context) -> int:
        with contextlib.suppress(Exception):
            context.progress(1, 2)
        return 1

    plan = graph("nodes: {a: {type: stubborn}}", catalog=CATALOG.extended(stubborn)).plan()
    result = ended(plan, raising(StepProgress, OSError("no space")), OSError)
    assert (result.state, result.failed) == ("error", {})


def test_what_was_finished_before_the_listener_failed_stays():
    def listen(event):
        if isinstance(event, StepFinished) and event.step == "c":
            raise OSError("no space")

    result = ended(graph(CHAIN).plan(), listen, OSError)
    assert (result.outputs, result.executed) == ({"b": 13}, ["a", "b", "c"])


def test_a_recorder_has_every_event_before_a_listener_that_fails_at_it():
    ends = Ends()
    with gf.Engine() as engine, pytest.raises(OSError, match="no space"):
        engine.execute(graph(CHAIN).plan(), raising(OutputReady, OSError("no space")), ends)
    assert any(isinstance(event, OutputReady) for event in ends.events)


def test_an_interrupt_is_a_cancellation_and_no_error():
    result = ended(graph(CHAIN).plan(), raising(StepFinished, KeyboardInterrupt()), KeyboardInterrupt)
    assert (result.state, result.error) == ("cancelled", "")


def test_the_engine_can_be_used_after_a_listener_failed():
    engine = gf.Engine()
    with pytest.raises(OSError, match="no space"):
        engine.run(graph(CHAIN), on_event=raising(StepFinished, OSError("no space")))
    assert engine.run(graph(CHAIN))["c"] == 13


# Stores that fail


class Failing(MemoryStore):
    """Fails at one call."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.broken, self.calls = call, 0

    def _maybe(self, call: str) -> None:
        if call == self.broken:
            self.calls += 1
            raise OSError("the disk is full")

    def lookup(self, key):
        self._maybe("lookup")
        return super().lookup(key)

    def content(self, digest):
        self._maybe("content")
        return super().content(digest)

    def put(self, key, outputs, recipe=""):
        self._maybe("put")
        super().put(key, outputs, recipe)


@pytest.mark.parametrize("call", ["lookup", "content", "put"])
def test_a_store_that_fails_is_warned_of_once_and_the_run_goes_on_without(call):
    store, told = Failing(""), []
    engine = gf.Engine(store=store)
    engine.run(graph(CHAIN))
    store.broken = call
    text = CHAIN.replace("plus: 1", "plus: 2")
    result = engine.run(graph(text), on_event=told.append)
    assert (result.outputs, result.state) == ({"b": 14, "c": 14}, "done")
    (warning,) = result.warnings
    assert "OSError: the disk is full" in str(warning)
    assert ("no longer kept" if call == "put" else "without") in str(warning)
    assert [event.problem for event in told if isinstance(event, StepWarned)] == [warning]
    assert store.calls == 1


def test_a_value_whose_digest_fails_is_not_stored_and_the_run_goes_on(monkeypatch):
    from graphflow.execute import store_use as kept

    real = kept.digest_of

    def digest_of(value):
        if value == 13:
            raise RuntimeError("out of device memory")
        return real(value)

    monkeypatch.setattr(kept, "digest_of", digest_of)
    engine = gf.Engine()
    result = engine.run(graph(CHAIN))
    assert result.outputs == {"b": 13, "c": 13}
    assert len(result.warnings) == 1


def test_the_memory_store_forgets_the_recipes_used_longest_ago():
    store = MemoryStore(most=3)
    engine = gf.Engine(store=store)
    for value in range(10):
        engine.run(graph(f"nodes: {{a: {{type: number, value: {value}}}}}"))
    assert store.recipes == 3
    assert engine.run(graph("nodes: {a: {type: number, value: 9}}")).cached == ["a"]
    assert engine.run(graph("nodes: {a: {type: number, value: 0}}")).executed == ["a"]
