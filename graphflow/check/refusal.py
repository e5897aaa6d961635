"""A written value cannot be used: raised where it is read, turned into a problem where its place is known."""

from __future__ import annotations

from graphflow.problems import Place, Problem
from graphflow.words import counted


class Refusal(Exception):
    """What a problem says, without its place; `place` is given only where another one than the reader's is meant."""

    def __init__(self, code: str, message: str, why: str = "", fix: str = "", *, place: Place | None = None) -> None:
        self.code, self.message, self.why, self.fix, self.place = code, message, why, fix, place
        super().__init__(message)

    def at(self, place: Place, *, about: str = "") -> Problem:
        """The problem at `place`; `about` names the key before the message."""
        if self.place is not None:
            return Problem(self.code, self.message, self.why, self.fix, self.place)
        message = f"{about}: {self.message}" if about else self.message
        return Problem(self.code, message, self.why, self.fix, place)


def outside_list(shown: str, index: int, count: int) -> Refusal:
    """An item is asked for that the list has not; said by check, or by a run where only that shows the list."""
    why = f"the list has {counted(count, 'item')}"
    fix = f"use an index from 0 to {count - 1}" if count > 1 else "use index 0" if count else "leave the index out"
    return Refusal("bad-index", f"{shown}[{index}] is outside the list", why, fix)
