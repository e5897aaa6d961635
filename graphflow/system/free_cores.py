"""The cores of this machine that are free for a run, and whether fewer threads would be faster."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from graphflow.system.cpu_quota import cpu_quota

_NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables with which the user chooses the number of torch's threads."""

_CPUS = Path("/sys/devices/system/cpu")


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
        own = len(cpus) if (cpus := _allowed_cpus()) else total
        try:
            busy = os.getloadavg()[0]
        except (OSError, AttributeError):
            busy = 0.0
        return cls(total, min(float(own), cpu_quota()), busy)

    @property
    def free(self) -> int:
        """Cores that a run can have for itself, rounded, at least 1."""
        return max(1, math.floor(min(self.allowed, self.total - self.busy) + 0.5))


def quota_threads(
    quota: float | None = None,
    variables: Mapping[str, str] = os.environ,
    modules: Mapping[str, Any] = sys.modules,
) -> int | None:
    """The number of threads for which a container's quota is enough, if torch's own number is larger; None otherwise.

    torch counts the cores on which this process may run, and no quota. Threads that used up the quota stand still until
    the next period, and the others wait for them.

    Args:
        quota: the number of cores whose whole time the process may use; None for that of this process.
        variables: of the environment; one that sets torch's number of threads is respected.
        modules: those that are imported; if torch is, its present number counts.
    """
    if any(name in variables for name in _NUMBERS):
        return None
    quota = cpu_quota() if quota is None else quota
    if quota == math.inf:
        return None
    present = getattr(modules.get("torch"), "get_num_threads", lambda: _physical_cores(_CPUS))()
    count = max(1, math.ceil(quota))
    return count if count < present else None


def _allowed_cpus() -> set[int]:
    """The numbers of the processors on which this process may run; empty if the system does not say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _physical_cores(folder: Path) -> int:
    """The number of cores on which this process may run; two processors may be one core."""
    cores = set()
    for cpu in _allowed_cpus():
        try:
            cores.add((folder / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii"))
        except OSError:
            cores.add(str(cpu))
    return len(cores) or os.cpu_count() or 1


def expected_threads(asked: int | None, cores: Cores) -> int:
    """The number of threads with which torch will compute: as asked, else as a variable says, else one a core."""
    if asked is not None:
        return asked
    set_ = os.environ.get("OMP_NUM_THREADS", "")
    return int(set_) if set_.isdecimal() and int(set_) else max(1, math.ceil(min(cores.allowed, cores.total)))


def crowding(asked: int | None, cores: Cores) -> str:
    """A hint to compute with fewer threads if other programs use the cores; empty if there are enough.

    Threads wait for each other at every operation, so two that share a core can take longer than one.
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
