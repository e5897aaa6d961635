"""The error for a value that cannot be used; the caller, which knows its place, turns it into a problem."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow.problems import Place, Problem
from graphflow.text_helpers.words import counted


class Refusal(Exception):
    """A problem without its place.

    Attributes:
        place: given only if it differs from the place of the value that is read.
        more: further refusals of the same value.
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
        """One refusal at `place` that stands for all of these, which are not changed.

        Raises:
            ValueError: `refusals` is empty.
        """
        first, *others = [cls(r.code, r.message, r.why, r.fix, place=r.place or place) for r in refusals]
        first.more = tuple(others)
        return first

    def problems(self, place: Place, *, about: str = "") -> list[Problem]:
        """The problems at `place`, one per refusal; `about` names the key before the messages."""
        return [refusal.at(self.place or place, about=about) for refusal in (self, *self.more)]

    def at(self, place: Place, *, about: str = "") -> Problem:
        """The problem at `place`; `about` names the key before the message."""
        if self.place is not None:
            return Problem(self.code, self.message, self.why, self.fix, self.place)
        message = f"{about}: {self.message}" if about else self.message
        return Problem(self.code, message, self.why, self.fix, place)


def outside_list(shown: str, index: int, count: int) -> Refusal:
    """The refusal of an index outside the list; raised by a run if the list is not known before."""
    why = f"the list has {counted(count, 'item')}"
    fix = f"use an index from 0 to {count - 1}" if count > 1 else "use index 0" if count else "leave the index out"
    return Refusal("bad-index", f"{shown}[{index}] is outside the list", why, fix)
