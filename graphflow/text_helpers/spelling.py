"""Suggestions for misspelt names."""

from __future__ import annotations

import contextvars
import difflib
import functools
import heapq
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from graphflow.limits import SUGGESTIONS

P = ParamSpec("P")
T = TypeVar("T")

_LIKE = 0.6
"""Smallest share of both names' letters that must be equal and in the same order."""

_MOST_COMPARED = 64
"""Comparing letter by letter is slow, so of many known names only the most similar are compared that way."""

_left: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("suggestions_left", default=None)


def few_suggestions(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function look for at most `SUGGESTIONS` suggestions; fewer if very many names are known.

    Otherwise a document with ten thousand wrong names could be compared with ten thousand known ones.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **keywords: P.kwargs) -> T:
        if _left.get() is not None:
            return function(*arguments, **keywords)
        token = _left.set([SUGGESTIONS])
        try:
            return function(*arguments, **keywords)
        finally:
            _left.reset(token)

    return run


def enough_suggested() -> bool:
    """Whether no more suggestions will be made, so that known names need not be collected."""
    left = _left.get()
    return left is not None and left[0] <= 0


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` most likely stands for; None if none is near, or enough have been suggested."""
    if enough_suggested():
        return None
    near = [name for name in known if 2 * min(len(name), len(word)) >= _LIKE * (len(name) + len(word))]
    left = _left.get()
    if left is not None:
        left[0] -= 1 + len(near) // 1_000
    if len(near) > _MOST_COMPARED:
        letters = set(word)
        near = heapq.nsmallest(_MOST_COMPARED, near, key=lambda name: _distance(word, letters, name))
    close = difflib.get_close_matches(word, near, n=1, cutoff=_LIKE)
    return close[0] if close else None


def _distance(word: str, letters: set[str], name: str) -> tuple[int, int]:
    """How far two names are by a rough measure: ends that differ, then letters that only one of them has."""
    shorter = min(len(word), len(name))
    ahead = next((at for at in range(shorter) if word[at] != name[at]), shorter)
    behind = next((at for at in range(shorter - ahead) if word[-1 - at] != name[-1 - at]), shorter - ahead)
    return max(len(word), len(name)) - ahead - behind, len(letters.symmetric_difference(name))
