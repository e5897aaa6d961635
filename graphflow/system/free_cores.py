"""The cores of this machine that are free for a run, and whether fewer threads would be faster."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""The quota of a container: microseconds of computing, or `max`, and the period in microseconds."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of a machine.

    Attributes:
        total: of the whole machine.
        allowed: that this process may use, by its affinity and its container's quota; not always a whole number.
        busy: on average in the last minute, of the whole machine.
    """

    total: int
    allowed: float
    busy: float

    @classmethod
    def now(cls) -> Self:
        """Those of this machine; if the system does not report how busy they are, all count as free."""
        total = os.cpu_count() or 1
        own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
        try:
            busy = os.getloadavg()[0]
        except (OSError, AttributeError):
            busy = 0.0
        return cls(total, min(float(own), _quota(_QUOTA)), busy)

    @property
    def free(self) -> int:
        """Cores that a run can have for itself, rounded, at least 1."""
        return max(1, math.floor(min(self.allowed, self.total - self.busy) + 0.5))


def _quota(path: Path) -> float:
    try:
        most, period = path.read_text(encoding="ascii").split()
        return float(most) / float(period) if most != "max" else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def expected_threads(asked: int | None, cores: Cores) -> int:
    """The number of threads with which torch will compute: as asked, else as a variable says, else one a core."""
    if asked is not None:
        return asked
    set_ = os.environ.get("OMP_NUM_THREADS", "")
    return int(set_) if set_.isdecimal() and int(set_) else max(1, math.ceil(min(cores.allowed, cores.total)))


def crowding(asked: int | None, cores: Cores) -> str:
    """A hint to compute with fewer threads if other programs use the cores; empty if there are enough.

    Threads wait for each other at every operation, so two on one core can take several times as long as one.
    """
    threads = expected_threads(asked, cores)
    if threads <= cores.free:
        return ""
    why = f"{cores.total} cores, of which {cores.busy:.1f} are busy and this run may use {cores.allowed:g}"
    return (
        f"hint: torch computes with up to {threads} threads, and about {cores.free} of the cores are free\n"
        f"  why: this machine has {why}; threads that wait for a core slow down the others\n"
        f"  fix: --threads {cores.free} may be faster; results of different numbers differ in some bits"
    )
