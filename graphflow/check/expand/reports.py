"""Problems that are found while a graph is expanded: each with where the templates around its place are used."""

from __future__ import annotations

from typing import TypeAlias

from graphflow.document.refusal import Refusal
from graphflow.problems import Place, Problem

Used: TypeAlias = tuple[tuple[Place, str], ...]
"""Where the templates around a place are used, the innermost first, and the path of each use."""


class Reports:
    """Collects problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, refusal: Refusal, place: Place, used: Used) -> None:
        """Report a refusal, as the problems that it stands for."""
        for problem in refusal.problems(place):
            self.add(problem, used)

    def add(self, problem: Problem, used: Used) -> None:
        """Report a problem of a place inside templates that are used there."""
        self.problems.append(
            Problem(problem.code, problem.message, problem.why, problem.fix, problem.place, (*problem.used, *used))
        )
