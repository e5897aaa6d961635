"""A written value cannot be used: raised where it is read, turned into a problem where its place is known."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.problems import Place, Problem
from graphflow.wording.words import counted


class Refusal(Exception):
    """What a problem says, without its place; `place` is given only where another one than the reader's is meant.

    Attributes:
        more: what else is wrong with the same value.
    """

    def __init__(
        self,
        code: str,
        message: str,
        why: str = "",
        fix: str = "",
        *,
        place: Place | None = None,
        more: Sequence[Refusal] = (),
    ) -> None:
        self.code, self.message, self.why, self.fix, self.place = code, message, why, fix, place
        self.more = tuple(more)
        super().__init__(message)

    @classmethod
    def together(cls, refusals: Sequence[Refusal], place: Place | None = None) -> Refusal:
        """One that says what all of these say, at `place`; they themselves stay as they are.

        Raises:
            ValueError: there is none.
        """
        first, *others = [cls(one.code, one.message, one.why, one.fix, place=one.place or place) for one in refusals]
        first.more = tuple(others)
        return first

    def problems(self, place: Place, *, about: str = "") -> list[Problem]:
        """The problems at `place`, one for each thing that is wrong; `about` names the key before the messages."""
        return [one.at(self.place or place, about=about) for one in (self, *self.more)]

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
