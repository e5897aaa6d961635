"""Shares with their 95 % intervals, distances between pictures."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10, sqrt

import numpy as np


@dataclass(frozen=True)
class Share:
    """How many of `count` were right."""

    right: int
    count: int

    @property
    def value(self) -> float:
        """The point estimate, 0 to 1."""
        return self.right / self.count

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        n, p, z = self.count, self.value, 1.96
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def text(self) -> str:
        """Such as `91.2 % (88.4 to 93.4, 456 of 500)`."""
        low, high = self.interval()
        return f"{100 * self.value:.1f} % ({100 * low:.1f} to {100 * high:.1f}, {self.right} of {self.count})"


def share(hits: np.ndarray) -> Share:
    """The share of true entries."""
    return Share(int(np.sum(hits)), int(np.size(hits)))


def mean_text(values: np.ndarray, unit: str = "") -> str:
    """Mean and its 95 % interval, such as `0.213 (0.205 to 0.221)`."""
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values, ddof=1)) / sqrt(len(values))
    return f"{mean:.3f}{unit} ({mean - half:.3f} to {mean + half:.3f})"


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal to noise of two uint8 pictures in decibels, over the pixels where `where` is true."""
    square = (a.astype(np.float64) - b.astype(np.float64)) ** 2
    error = square.mean() if where is None else square[where].mean()
    return 10 * log10(255**2 / max(error, 1e-9))
