"""Problems on the screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from graphflow.problems import Level, Problem, screen
from graphflow.words import counted

_WORDS = {Level.PROBLEM: "problem", Level.WARNING: "warning", Level.HINT: "hint"}


def show(problems: Sequence[Problem], *, least: Level = Level.HINT) -> None:
    """Print problems of at least this level to standard error."""
    shown = [problem for problem in problems if problem.level >= least]
    if shown:
        print(screen(shown), file=sys.stderr)


def summary(problems: Sequence[Problem]) -> str:
    """`2 problems, 1 warning`; `no problems` where there are none at all."""
    counts = {level: sum(problem.level is level for problem in problems) for level in _WORDS}
    words = [counted(count, _WORDS[level]) for level, count in counts.items() if count]
    return ", ".join(words) or "no problems"
