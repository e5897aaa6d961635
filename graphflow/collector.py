"""Python's garbage collector, paused while a phase makes many objects that all stay."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def paused(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function with the collector paused.

    A phase over ten thousand nodes makes a million objects, and all of them are its result. The collector looks
    through them again and again and finds nothing, which makes a node of a large graph cost twice one of a small.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> T:
        if not gc.isenabled():
            return function(*arguments, **keywords)
        gc.disable()
        try:
            return function(*arguments, **keywords)
        finally:
            gc.enable()

    return run
