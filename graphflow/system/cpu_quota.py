"""The share of the processor that a container may use, as the Linux kernel's control groups limit it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def cpu_quota(groups: Path = _GROUPS, own_groups: Path = _OWN_GROUPS) -> float:
    """The number of cores whose whole time this process may use; infinity if there is no limit.

    It is the least quota of the process's group and the groups around it. In a container these may be invisible; then
    the files at the top are those of the container.

    Args:
        groups: where control groups of version 2 or the controllers of version 1 are mounted.
        own_groups: the file that names the groups of this process.
    """
    try:
        lines = own_groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found = [_quota(folder) for line in ("0::/", "0:cpu:/", *lines) for folder in _folders(line, groups)]
    return min(found, default=math.inf)


def _folders(line: str, groups: Path) -> Iterator[Path]:
    """The folders of a group and of those around it, from a line such as `0::/user` or `4:cpu,cpuacct:/user`."""
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return
    group = PurePosixPath(path.lstrip("/"))
    if ".." in group.parts:
        return  # it is outside of what this process can see
    for top in (groups, groups / "cpu", groups / "cpu,cpuacct") if controllers else (groups, groups / "unified"):
        yield from (top / part for part in (group, *group.parents))


def _quota(folder: Path) -> float:
    """The quota of a group: microseconds of computing in a period, and the period; infinity if it has none."""
    try:
        if (both := folder / "cpu.max").is_file():
            most, period = both.read_text(encoding="ascii").split()
        else:
            most = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
        quota = float(most) / float(period) if most != "max" else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
    # Version 1 writes -1 for no limit.
    return quota if quota > 0 else math.inf
