"""Threads that load and compute take turns; what belongs to the process is as before when all are done."""

import gc
import signal
import threading
import time
import warnings
from collections.abc import Callable

import pytest

import graphflow as gf
from graphflow.system.gc_pause import paused
from graphflow.system.library_turns import Counts, Turns
from graphflow.system.warning_filters import filtered, no_errors


def beside(*acts: Callable[[], object]) -> None:
    """Do all of this at once, each in a thread of its own; fails where one does not end or raises."""
    errors: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [thread for thread in threads if thread.is_alive()] == []
    assert errors == []


def test_while_one_loads_nobody_else_loads_or_computes():
    turns, inside, seen = Turns(), [], []

    def load():
        for _ in range(20):
            with turns.loading():
                inside.append("load")
                time.sleep(0.001)
                seen.append(tuple(inside))
                inside.remove("load")

    def compute():
        for _ in range(20):
            with turns.computing():
                inside.append("compute")
                time.sleep(0.001)
                seen.append(tuple(inside))
                inside.remove("compute")

    beside(load, load, compute, compute)
    assert {one for one in seen if "load" in one} == {("load",)}
    assert ("compute", "compute") in seen


def test_a_step_lets_a_load_in_between_two_parts():
    turns, loaded, parts = Turns(), threading.Event(), []

    def step():
        with turns.computing():
            for part in range(10_000):
                turns.pause()
                parts.append(part)
                if loaded.is_set():
                    return
                time.sleep(0.001)

    def load():
        time.sleep(0.05)
        with turns.loading():
            count = len(parts)
            time.sleep(0.05)
            assert len(parts) == count
            loaded.set()

    beside(step, load)
    assert 1 < len(parts) < 10_000


def test_steps_that_load_inside_of_themselves_do_not_wait_for_each_other():
    turns, both = Turns(), threading.Barrier(2)

    def step():
        with turns.computing():
            both.wait()
            with turns.loading(), turns.loading(), turns.computing():
                turns.pause()
            with turns.computing():
                turns.pause()

    beside(step, step)
    beside(step, step)


def test_a_failed_load_lets_the_next_one_in():
    turns = Turns()

    def fail():
        with pytest.raises(OSError, match="no file"), turns.computing(), turns.loading():
            raise OSError("no file")

    beside(fail)
    beside(fail)


def test_the_first_call_of_a_kind_is_alone_until_it_pauses():
    turns, inside, together = Turns(), [], []
    both = threading.Barrier(2)

    def compute(name):
        def act():
            both.wait()
            for round_ in range(3):
                with turns.computing("a kind"):
                    inside.append(name)
                    time.sleep(0.02)
                    together.append((round_, "before", len(inside)))
                    turns.pause()
                    time.sleep(0.02)
                    together.append((round_, "behind", len(inside)))
                    inside.remove(name)

        return act

    beside(compute("one"), compute("other"))
    assert min(number for round_, place, number in together if (round_, place) == (0, "before")) == 1
    assert max(number for _, _, number in together) == 2


def test_no_second_call_starts_while_the_first_of_its_kind_imports():
    turns, log = Turns(), []

    def first():
        with turns.computing("a kind"):
            log.append("first in")
            time.sleep(0.1)
            log.append("first out")

    def second():
        while not log:
            time.sleep(0.001)
        with turns.computing("a kind"):
            log.append("second")

    beside(first, second)
    assert log == ["first in", "first out", "second"]


@pytest.mark.parametrize("paused", [False, True])
def test_a_first_call_that_fails_leaves_the_libraries_to_others(paused):
    turns = Turns()

    def fail():
        with turns.computing("a kind"):
            if paused:
                turns.pause()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    beside(lambda: turns.loading().__enter__())


def test_a_load_inside_a_first_call_does_not_wait_for_it():
    turns = Turns()

    def act():
        with turns.computing("a kind"):
            with turns.loading():
                pass
            turns.pause()
            with turns.loading():
                pass

    beside(act, act)
    beside(lambda: turns.loading().__enter__())


@pytest.mark.parametrize("wait", ["pause", "loading"])
def test_a_wait_that_ctrl_c_ends_leaves_the_turns_as_they_were(wait):
    turns, loads = Turns(), threading.Event()

    def load():
        with turns.loading():
            loads.set()
            # While the main thread waits.
            time.sleep(0.05)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.2)

    def step():
        with turns.computing():
            loader.start()
            while wait == "pause" and not loads.is_set():
                turns.pause()
                time.sleep(0.001)
            with turns.loading():
                time.sleep(0.01)

    loader = threading.Thread(target=load, daemon=True)
    with pytest.raises(KeyboardInterrupt):
        step()
    loader.join()

    def again():
        with turns.computing(), turns.loading():
            pass

    beside(again)
    beside(again)


# Thread counts, with a stand-in for torch's: a number in each thread, and one that new threads begin with


class Library:
    def __init__(self) -> None:
        self.own = threading.local()
        self.first = 4

    def get(self) -> int:
        self.own.count = getattr(self.own, "count", self.first)
        return self.own.count

    def set(self, count: int) -> None:
        self.own.count = self.first = count


def in_thread(act: Callable[[], object]) -> object:
    given: list[object] = []
    beside(lambda: given.append(act()))
    return given[0]


def test_after_the_last_run_all_threads_have_the_number_of_before():
    library, counts = Library(), Counts(Turns())
    inside, over = threading.Barrier(2), threading.Barrier(2)
    after: list[int] = []
    library.get()

    def first():
        with counts.computing_with(2, library.get, library.set):
            inside.wait()
        after.append(library.get())
        over.wait()

    def second():
        with counts.computing_with(2, library.get, library.set):
            inside.wait()
            over.wait()
            assert library.get() == 2
            # A thread that starts now works for this run.
            assert in_thread(library.get) == 2
        after.append(library.get())

    beside(first, second)
    assert after == [4, 4]
    assert (library.get(), in_thread(library.get)) == (4, 4)


def test_a_thread_that_began_during_a_run_computes_with_the_process_number_later():
    library, counts = Library(), Counts(Turns())
    began, over = threading.Event(), threading.Event()
    later: list[int] = []

    def leaked():
        began.wait()
        assert library.get() == 2
        over.wait()
        with counts.computing_with(None, library.get, library.set):
            later.append(library.get())

    def run():
        with counts.computing_with(2, library.get, library.set):
            began.set()
            time.sleep(0.05)
        over.set()

    beside(leaked, run)
    assert later == [4]


@pytest.mark.parametrize(
    ("second", "told"), [(3, "2 in a run .* and 3 in this"), (None, "2 in a run .* and 4 in this")]
)
def test_another_number_at_the_same_time_is_refused(second, told):
    library, counts = Library(), Counts(Turns())
    with counts.computing_with(2, library.get, library.set):
        with (
            pytest.raises(gf.GraphflowError, match=told),
            counts.computing_with(second, library.get, library.set),
        ):
            pass
        assert library.get() == 2
    assert library.get() == 4


def test_a_wait_at_the_end_that_ctrl_c_ends_lets_the_next_run_choose_its_number():
    library, turns = Library(), Turns()
    counts, loads = Counts(turns), threading.Event()

    def load():
        with turns.loading():
            loads.set()
            time.sleep(0.05)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.2)

    def run():
        with counts.computing_with(2, library.get, library.set):
            loader.start()
            loads.wait()

    loader = threading.Thread(target=load, daemon=True)
    with pytest.raises(KeyboardInterrupt):
        run()
    loader.join()
    assert library.get() == 4
    with counts.computing_with(3, library.get, library.set):
        assert library.get() == 3


# Filters of warnings


def test_filters_of_two_threads_come_and_go_on_their_own():
    entered, left = threading.Event(), threading.Event()
    before = list(warnings.filters)

    def first():
        with filtered("ignore", UserWarning):
            entered.set()
            left.wait()

    def second():
        entered.wait()
        with filtered("ignore", FutureWarning):
            left.set()
            time.sleep(0.05)
            # The first one is out, and has not taken this one with it.
            warnings.warn("later", FutureWarning, stacklevel=1)

    beside(first, second)
    assert list(warnings.filters) == before


def test_a_librarys_warning_is_no_error_and_a_users_is():
    library, own = ({"__name__": name, "warnings": warnings} for name in ("diffusers.models", "my_nodes"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with no_errors():
            with pytest.warns(FutureWarning, match="soon"):
                exec("warnings.warn('soon', FutureWarning)", library)
            with pytest.raises(FutureWarning):
                exec("warnings.warn('soon', FutureWarning)", own)
        with pytest.raises(FutureWarning):
            exec("warnings.warn('soon', FutureWarning)", {**library, "__warningregistry__": {}})


def test_what_the_callers_filters_ignore_stays_ignored():
    library = {"__name__": "diffusers.models", "warnings": warnings}
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "soon")
        before = list(warnings.filters)
        with no_errors():
            exec("warnings.warn('soon', FutureWarning)", library)
        assert list(warnings.filters) == before
    assert shown == []


# The collector


def test_the_collector_goes_on_after_the_last_pause():
    both, seen = threading.Barrier(2), []

    @paused
    def short():
        both.wait()

    @paused
    def long():
        both.wait()
        time.sleep(0.05)
        seen.append(gc.isenabled())

    assert gc.isenabled()
    beside(short, long)
    assert seen == [False]
    assert gc.isenabled()


def test_nested_pauses_leave_the_collector_as_it_was():
    @paused
    def outer() -> bool:
        paused(lambda: None)()
        return gc.isenabled()

    assert outer() is False
    assert gc.isenabled()
    gc.disable()
    try:
        assert outer() is False
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_objects_of_a_pause_count_as_old_so_that_they_are_not_scanned_twice():
    made = paused(lambda: [[number] for number in range(100)])()
    assert any(one is made[0] for one in gc.get_objects(generation=2))


def test_a_pause_leaves_objects_frozen_that_the_program_froze():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        paused(lambda: [[number] for number in range(100)])()
        assert gc.get_freeze_count() > frozen - 100
    finally:
        gc.unfreeze()
