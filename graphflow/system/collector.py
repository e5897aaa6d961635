"""Python's garbage collector, paused while a phase makes many objects that all stay."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Pause:
    """Counts who wants the collector paused, in all threads: the first one pauses it, the last one lets it go on."""

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
                gc.enable()


_PAUSE = _Pause()


def paused(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function with the collector paused.

    A phase over ten thousand nodes makes a million objects, and all of them are its result. The collector looks
    through them again and again and finds nothing, which makes a node of a large graph cost twice one of a small.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> T:
        with _PAUSE:
            return function(*arguments, **keywords)

    return run
