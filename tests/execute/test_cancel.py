"""Cancelling from another thread, and what is left afterwards."""

import threading
import time

import pytest

import graphflow as gf
import graphflow.engine
from graphflow.execute.cancellation import Cancellation
from graphflow.execute.events import ComponentLoaded, StepFinished
from tests.plan.toys import CATALOG, graph


@gf.node()
def slow(value: int, context: gf.Context, *, turns: int = 2000) -> int:
    for turn in range(turns):
        context.progress(turn + 1, turns)
        time.sleep(0.005)
    return value


SLOW = CATALOG.extended(slow)
TEXT = """
    inputs: {turns: {type: int, default: 2000}}
    nodes:
      before: {type: number}
      long: {type: slow, value: $before, turns: $turns}
      after: {type: add, a: $long}
    outputs: {after: $after, before: $before}
"""


def cancelled_soon(engine: gf.Engine, **options) -> float:
    """Seconds from cancelling a run in its long step to the end of `run`."""
    running = threading.Event()
    moment = []

    def cancel():
        assert running.wait(5)
        moment.append(time.perf_counter())
        engine.cancel()

    def listen(event):
        if type(event).__name__ == "StepProgress":
            running.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(gf.Cancelled, match="the run was cancelled"):
        engine.run(graph(TEXT, catalog=SLOW), on_event=listen, **options)
    thread.join()
    return time.perf_counter() - moment[0]


def test_cancelling_takes_effect_at_the_next_progress():
    assert cancelled_soon(gf.Engine()) < 1


def test_a_cancelled_engine_can_be_used_again_and_keeps_what_was_finished():
    engine = gf.Engine()
    cancelled_soon(engine)
    result = engine.run(graph(TEXT, catalog=SLOW), inputs={"turns": 1})
    assert result["after"] == 1
    assert result.cached == ["before"]
    assert result.executed == ["long", "after"]


def test_a_cancelled_run_does_not_cancel_the_next():
    engine = gf.Engine()
    cancelled_soon(engine)
    engine.cancel()  # nothing runs
    assert engine.run(graph("nodes: {a: {type: number}}"))["a"] == 1


def test_cancelling_works_without_a_listener():
    engine = gf.Engine()
    timer = threading.Timer(0.05, engine.cancel)
    timer.start()
    with pytest.raises(gf.Cancelled):
        engine.run(graph(TEXT, catalog=SLOW))
    timer.join()


def test_cancelling_takes_effect_between_steps():
    engine, finished = gf.Engine(), []

    def listen(event):
        if isinstance(event, StepFinished):
            finished.append(event.step)
            engine.cancel()

    with pytest.raises(gf.Cancelled):
        engine.run(graph("nodes: {a: {type: number}, b: {type: add, a: $a}}"), on_event=listen)
    assert finished == ["a"]


def test_cancelling_takes_effect_after_a_load():
    loaded = []

    def loader(component):
        loaded.append(component.label)
        engine.cancel()
        return component

    engine, finished = gf.Engine(loader=loader), []
    with pytest.raises(gf.Cancelled):
        engine.run(
            graph("nodes: {a: {type: use, model: a}}"),
            on_event=lambda event: finished.append(type(event)),
        )
    assert loaded == ["unet of a"]
    assert ComponentLoaded in finished
    assert StepFinished not in finished


def test_a_node_that_catches_everything_is_stopped_all_the_same():
    @gf.node()
    def stubborn(context: gf.Context) -> int:
        for turn in range(20):
            try:
                context.progress(turn, 20)
            except Exception:  # noqa: BLE001
                continue
        return 1

    engine = gf.Engine()
    with pytest.raises(gf.Cancelled):
        engine.run(
            graph("nodes: {a: {type: stubborn}, b: {type: add, a: $a}}", catalog=CATALOG.extended(stubborn)),
            on_event=lambda event: engine.cancel(),
        )


def test_one_engine_runs_one_graph_at_a_time():
    engine, refused = gf.Engine(), []

    def listen(event):
        if not refused:
            try:
                engine.run(graph("nodes: {b: {type: number}}"))
            except gf.GraphflowError as error:
                refused.append(str(error))

    assert engine.run(graph("nodes: {a: {type: number}}"), on_event=listen)["a"] == 1
    assert "running a graph already" in refused[0]


def test_two_threads_that_start_one_engine_at_once_run_it_once(monkeypatch):
    # Both are past any look at whether it runs when the first one takes it.
    both, slow_to_make = threading.Barrier(2), graphflow.engine.Cancellation

    def made():
        time.sleep(0.2)
        return slow_to_make()

    monkeypatch.setattr(graphflow.engine, "Cancellation", made)
    engine, told = gf.Engine(), []

    def start():
        both.wait()
        try:
            told.append(engine.run(graph("nodes: {a: {type: number}}"))["a"])
        except gf.GraphflowError as error:
            told.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 in told
    assert sum("running a graph already" in str(one) for one in told) == 1


class _EndsMeanwhile(gf.Engine):
    """Its run ends between two looks at it."""

    _looks = 0

    @property
    def _cancellation(self):
        self._looks += 1
        return Cancellation() if self._looks == 1 else None

    @_cancellation.setter
    def _cancellation(self, value):
        self._looks = 0


def test_cancelling_a_run_that_ends_meanwhile_does_nothing():
    _EndsMeanwhile().cancel()


def test_an_engine_is_not_closed_while_it_runs():
    engine, told = gf.Engine(), []

    def close():
        try:
            engine.close()
        except gf.GraphflowError as error:
            told.append(str(error))

    def listen(event):
        if isinstance(event, StepFinished):
            close()
            other = threading.Thread(target=close)
            other.start()
            other.join()

    assert engine.run(graph("nodes: {a: {type: number}}"), on_event=listen)["a"] == 1
    assert len(told) == 2
    assert all("cannot be closed while it runs" in one for one in told)
    engine.close()
    assert engine.run(graph("nodes: {a: {type: number}}")).executed == ["a"]
