"""The memory of this machine, as much of it as this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTAS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Files with the most bytes that a container may use: a number, or `max`."""


def machine_memory() -> int:
    """Bytes of the machine's memory, or of the quota of a container if that is less; 0 if the system does not say."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # Windows
        return 0
    return max(0, min([total, *filter(None, map(_quota, _QUOTAS))]))


def _quota(path: Path) -> int:
    """The quota in this file; 0 if there is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() else 0
