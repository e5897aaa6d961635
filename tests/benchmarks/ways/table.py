"""What the command prints: the table of ratios, the medians behind it, and whether pictures are equal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.ways.cases import Case
from tests.benchmarks.ways.child import Measured
from tests.benchmarks.ways.ratios import ratio

QUANTITIES = {"wall": "wall", "cpu": "CPU", "system": "system", "faults": "page faults", "peak": "peak memory"}
Rounds = Sequence[dict[str, Measured]]


def compared(case: Case) -> list[tuple[str, str]]:
    """The pairs of ways of which the case has ratios."""
    pairs = [("graphflow", "best"), ("graphflow", "guide"), ("graphflow", "kept"), ("auto", "guide")]
    return [pair for pair in pairs if set(pair) <= set(case.ways)]


def ratios(cases: Sequence[tuple[Case, Rounds]]) -> list[str]:
    """The table of ratios, a line each."""
    lines = [
        f"| case | ratio | pairs | {' | '.join(QUANTITIES.values())} |",
        f"|---|---|---|{'---|' * len(QUANTITIES)}",
    ]
    for case, rounds in cases:
        for one, other in compared(case):
            cells = [
                str(ratio([getattr(each[one], key) for each in rounds], [getattr(each[other], key) for each in rounds]))
                for key in QUANTITIES
            ]
            lines.append(f"| {case.name} | {_named(one)} / {other} | {len(rounds)} | {' | '.join(cells)} |")
    return lines


def medians(cases: Sequence[tuple[Case, Rounds]]) -> list[str]:
    """The table of what the ways took, a line each."""
    lines = [
        "| case | way | wall, s | user, s | system, s | page faults | peak, MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, rounds in cases:
        for way in case.ways:
            wall, user, system, faults, peak = (
                statistics.median(getattr(each[way], key) for each in rounds)
                for key in ("wall", "user", "system", "faults", "peak")
            )
            cells = f"{wall:.2f} | {user:.2f} | {system:.2f} | {faults:,.0f} | {peak / 2**20:,.0f}"
            lines.append(f"| {case.name} | {_named(way)} | {cells} |")
    return lines


def differing(rounds: Rounds, one: str, other: str) -> set[str]:
    """The pictures of which two ways have more than one, in all rounds together."""
    names = {name for each in rounds for way in (one, other) for name in each[way].digests}
    return {name for name in names if len({each[way].digests.get(name) for each in rounds for way in (one, other)}) > 1}


def equality(case: Case, rounds: Rounds) -> str:
    """In a sentence: which pictures are equal."""
    wrong = differing(rounds, "graphflow", "best")
    best = f"differs from the best script's: {', '.join(sorted(wrong))}" if wrong else "equals the best script's"
    guide = "differs from" if differing(rounds, "graphflow", "guide") else "equals"
    return f"{case.name}: graphflow's picture {best}; it {guide} the guide's, which hands over {case.guide_hands_over}"


def _named(way: str) -> str:
    return "graphflow --dtype auto" if way == "auto" else way
