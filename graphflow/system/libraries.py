"""Runs in several threads of one process: what torch, diffusers and transformers keep once for a whole process.

While these libraries load a model they change settings that every thread sees: where new tensors are made, their
default dtype, how loud notes are, which warnings are shown. So a load has them for itself, and steps that compute
with torch share them. A step lets loads in whenever it reports its progress.

What a step calls for the first time, it imports, and these libraries cannot be imported in two threads at once: their
packages put another module in their own place, and a thread that waited for the import gets the one from before. So
the first call of its kind has the libraries for itself, too, until it reports progress.

The one thing in graphflow that belongs to the process and not to an engine: the libraries do, too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from graphflow.errors import GraphflowError

T = TypeVar("T")


class Turns:
    """Who has the libraries: one that loads, or any number that compute. Whoever waits to load comes next.

    A thread that computes and wants to load gives up its share meanwhile, so that two of these do not wait for each
    other; a thread that loads may load or compute inside of it.
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
        """The time in which this thread alone has the libraries."""
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
        """A time in which nobody else loads.

        Args:
            kind: of what is called. The first call of each kind is alone, as a load is, until it pauses or ends.
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
        """Alone until `pause`, then with a share as every other that computes."""
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
        """Let those in who wait to load, where this thread computes; called between two parts of a step."""
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
        """How many times this thread is inside `computing`."""
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
        """Let others in, where this thread is alone."""
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
        """Give up this thread's share; it has none where Ctrl-C ended the wait for it."""
        with self._changed:
            if getattr(self._own, "counted", False):
                self._computing -= 1
                self._own.counted = False
                self._changed.notify_all()


TURNS = Turns()


class Counts:
    """How many threads torch computes with, which decides bits of results: one number at a time in a process.

    torch has a number of its own in each thread that has computed already, and one that new threads begin with.
    A run sets its own thread's; after the last run both are as before.

    Args:
        turns: a number is changed while nobody computes.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._runs = 0
        self._count = self._before = 0

    @contextlib.contextmanager
    def computing_with(self, count: int | None, get: Callable[[], int], set_: Callable[[int], None]) -> Iterator[None]:
        """Let this thread compute with so many.

        Args:
            count: None for torch's own number.
            get, set_: torch's number in the calling thread.

        Raises:
            GraphflowError: a run in another thread computes with another number; says both.
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
                    # Ctrl-C ended the wait. A run that never ends would refuse all others their number of threads.
                    self._end(set_)

    def _begin(self, count: int | None, get: Callable[[], int], set_: Callable[[int], None]) -> None:
        if self._runs == 0:
            # What a new thread begins with. This one may have begun during a run that changed it.
            self._before = _in_new_thread(get)
        wanted = self._before if count is None else count
        if self._runs and wanted != self._count:
            why = f"{self._count} in a run that goes on in another thread, and {wanted} in this one"
            raise GraphflowError(
                f"two runs of one process cannot compute with different numbers of threads: {why}; "
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
                # That was meant for this thread alone, and new threads begin with it, too.
                _in_new_thread(lambda: set_(self._count))


COUNTS = Counts(TURNS)


def _in_new_thread(act: Callable[[], T]) -> T:
    given: list[T] = []
    thread = threading.Thread(target=lambda: given.append(act()))
    thread.start()
    thread.join()
    return given[0]
