"""Ratios of two ways over pairs of processes: the median, and how far it may be off."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 10_000


@dataclass(frozen=True)
class Ratio:
    """A median of ratios, and the 95 % interval around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The median of ours / theirs, pair by pair; both have one number per pair, the same pairs in the same order.

    The interval is a bootstrap over pairs: of the medians of 10,000 samples with replacement, all but the lowest and
    highest 2.5 %. With five pairs or fewer that is about the smallest and the largest ratio.

    Raises:
        ValueError: there are no pairs, or not as many of one as of the other.
    """
    ratios = [one / other if other else float("inf") for one, other in zip(ours, theirs, strict=True)]
    if not ratios:
        raise ValueError("no pairs")
    chance = random.Random(0)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    cut = round(0.025 * RESAMPLES)
    return Ratio(statistics.median(ratios), medians[cut], medians[-cut - 1])
