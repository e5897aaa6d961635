"""Python's garbage collector, paused while a phase or an import creates many objects that are all kept."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Pause:
    """Counts the functions of all threads that want the collector paused: the first pauses it, the last resumes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._wanted == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._wanted += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted == 0 and self._was_on:
                if not gc.get_freeze_count():
                    # Together these count everything as old, so that the collector does not scan the new objects twice
                    # before it does so. Objects that the program froze itself stay frozen.
                    gc.freeze()
                    gc.unfreeze()
                gc.enable()


_PAUSE = _Pause()


def importing() -> AbstractContextManager[None]:
    """Inside the block, the collector is paused while modules are imported.

    What an import creates is kept, but the collector scans it each time it has grown by a quarter: that is a fifth of
    the time that diffusers and transformers take.
    """
    return _PAUSE


def paused(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function with the collector paused.

    A phase over ten thousand nodes creates a million objects, all part of its result. The collector would scan them
    again and again and free nothing, which would double the time per node in a large graph.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> T:
        with _PAUSE:
            return function(*arguments, **keywords)

    return run
