"""The screen: everything that a command prints passes through these functions, without control characters."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from graphflow.problems import Level, Problem, screen
from graphflow.text_helpers.words import counted, json_text, printable

_WORDS = {Level.PROBLEM: "problem", Level.WARNING: "warning", Level.HINT: "hint"}


def echo(text: object, *, error: bool = False) -> None:
    """Print text with its control characters escaped; with `error`, to standard error."""
    print(printable(str(text)), file=sys.stderr if error else sys.stdout, flush=error)


def echo_json(data: Any, *, indent: int | None = None) -> None:
    """Print data as JSON to standard output, with control characters escaped."""
    print(json_text(data, indent=indent), flush=indent is None)


def show(problems: Sequence[Problem], *, least: Level = Level.HINT) -> None:
    """Print problems of at least this level to standard error."""
    shown = [problem for problem in problems if problem.level >= least]
    if shown:
        echo(screen(shown), error=True)


def summary(problems: Sequence[Problem]) -> str:
    """`2 problems, 1 warning`; `no problems` if there are none at all."""
    counts = {level: sum(problem.level is level for problem in problems) for level in _WORDS}
    words = [counted(count, _WORDS[level]) for level, count in counts.items() if count]
    return ", ".join(words) or "no problems"
