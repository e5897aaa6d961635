"""Problems found by the expansion of a graph, with the uses of the templates around their places."""

from __future__ import annotations

from typing import TypeAlias

from graphflow.document.refusal import Refusal
from graphflow.problems import Place, Problem

Used: TypeAlias = tuple[tuple[Place, str], ...]
"""The places where the templates around a place are used, innermost first, with the path of each use."""


class Reports:
    """Collects problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, refusal: Refusal, place: Place, used: Used) -> None:
        """Report the problems of a refusal."""
        for problem in refusal.problems(place):
            self.add(problem, used)

    def add(self, problem: Problem, used: Used) -> None:
        """Report a problem of a place inside templates with these uses."""
        self.problems.append(
            Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *used))
        )
