"""Locks for runs in several threads: torch, diffusers and transformers have settings that are global to a process.

While these libraries load a model they change settings that every thread sees: the device of new tensors, their
default dtype, the log level, the warning filters. So a load has exclusive access, and steps that compute with torch
share access. A step lets waiting loads proceed whenever it reports its progress.

The first call of a step may import modules, and these libraries cannot be imported in two threads at once: their
packages replace their own module, and a thread that waited for the import gets the old one. So the first call of
each kind has exclusive access too, until it reports progress.

These locks are the only state that belongs to the process instead of an engine, because the libraries do as well.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from graphflow.errors import GraphflowError

T = TypeVar("T")


class Turns:
    """Access to the libraries: exclusive for one thread that loads, or shared by any number that compute.

    Threads that wait to load come next. A thread that computes and wants to load releases its share meanwhile, so
    that two such threads do not wait for each other; a thread that loads may load or compute inside the block.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._computing = 0
        self._loading: int | None = None
        self._waiting = 0
        self._own = threading.local()
        self._called: set[Hashable] = set()

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Inside the block, this thread has exclusive access."""
        if self._loading == threading.get_ident():
            yield
            return
        shared = self._shares > 0
        if shared:
            self._give_back()
        try:
            self._take_alone()
            try:
                yield
            finally:
                self._end_alone()
        finally:
            if shared:
                self._take_share()

    @contextlib.contextmanager
    def computing(self, kind: Hashable = None) -> Iterator[None]:
        """Inside the block, no other thread loads.

        Args:
            kind: kind of the call. The first call of each kind has exclusive access until it pauses or ends.
        """
        if self._loading == threading.get_ident():
            yield
            return
        if kind is not None and kind not in self._called and self._shares == 0:
            with self._first_call():
                yield
            self._called.add(kind)
            return
        if self._shares == 0:
            self._take_share()
        self._own.shares = self._shares + 1
        try:
            yield
        finally:
            self._own.shares = self._shares - 1
            if self._shares == 0:
                self._give_back()

    @contextlib.contextmanager
    def _first_call(self) -> Iterator[None]:
        """Exclusive access until `pause`, then shared access."""
        self._take_alone()
        self._own.first = True
        try:
            yield
        finally:
            self._end_alone()
            if not self._own.first:
                self._own.shares = 0
                self._give_back()
            self._own.first = False

    def pause(self) -> None:
        """Let threads that wait to load proceed, if this thread computes; called between two parts of a step."""
        if getattr(self._own, "first", False):
            self._end_alone()
            self._own.first = False
            self._own.shares = 1
            self._take_share()
        elif self._waiting and self._shares and self._loading != threading.get_ident():
            self._give_back()
            self._take_share()

    @property
    def _shares(self) -> int:
        """The number of `computing` blocks that this thread is inside."""
        return getattr(self._own, "shares", 0)

    def _take_alone(self) -> None:
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._loading is None and self._computing == 0)
                self._loading = threading.get_ident()
            finally:
                self._waiting -= 1
                self._changed.notify_all()

    def _end_alone(self) -> None:
        """End this thread's exclusive access, if it has it."""
        with self._changed:
            if self._loading == threading.get_ident():
                self._loading = None
                self._changed.notify_all()

    def _take_share(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._loading is None and self._waiting == 0)
            self._computing += 1
            self._own.counted = True

    def _give_back(self) -> None:
        """Release this thread's share; it has none if Ctrl-C interrupted the wait for it."""
        with self._changed:
            if getattr(self._own, "counted", False):
                self._computing -= 1
                self._own.counted = False
                self._changed.notify_all()


TURNS = Turns()


class Counts:
    """The number of torch's threads, which affects bits of results: one number at a time in a process.

    torch keeps a number for each thread that has computed, and another with which new threads start. A run sets
    that of its own thread; after the last run both are restored.

    Args:
        turns: the number is changed only with exclusive access.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._runs = 0
        self._count = self._before = 0

    @contextlib.contextmanager
    def computing_with(self, count: int | None, get: Callable[[], int], set_: Callable[[int], None]) -> Iterator[None]:
        """Inside the block, torch computes with `count` threads in this thread.

        Args:
            count: None for torch's own number.
            get, set_: read and change torch's number in the calling thread.

        Raises:
            GraphflowError: a run in another thread computes with another number; the message names both.
        """
        with self._turns.loading():
            self._begin(count, get, set_)
        ended = False
        try:
            yield
        finally:
            try:
                with self._turns.loading():
                    ended = True
                    self._end(set_)
            finally:
                if not ended:
                    # Ctrl-C interrupted the wait. Without this, later runs could not change their number of threads.
                    self._end(set_)

    def _begin(self, count: int | None, get: Callable[[], int], set_: Callable[[int], None]) -> None:
        if self._runs == 0:
            # The number of a new thread, since this thread may have started during a run that changed it.
            self._before = _in_new_thread(get)
        wanted = self._before if count is None else count
        if self._runs and wanted != self._count:
            why = f"{self._count} in a run in another thread, and {wanted} in this one"
            raise GraphflowError(
                f"two runs in one process cannot compute with different numbers of threads: {why}; "
                "give both engines the same threads, or run one after the other"
            )
        if get() != wanted:
            set_(wanted)
        self._count = wanted
        self._runs += 1

    def _end(self, set_: Callable[[int], None]) -> None:
        self._runs -= 1
        if self._count != self._before:
            set_(self._before)
            if self._runs:
                # That was meant for this thread only, but also changed the number for new threads.
                _in_new_thread(lambda: set_(self._count))


COUNTS = Counts(TURNS)


def _in_new_thread(act: Callable[[], T]) -> T:
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(act()))
    thread.start()
    thread.join()
    return results[0]
