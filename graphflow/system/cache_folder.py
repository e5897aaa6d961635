"""The folder for data that can be computed or asked for again."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "GRAPHFLOW_CACHE"
"""Environment variable: the folder; by default `graphflow` in the user's cache folder."""

SIZE_VARIABLE = "GRAPHFLOW_CACHE_SIZE"
"""Environment variable: most bytes of results in the cache, if the call does not say; 0 for no cache."""


def cache_folder() -> Path:
    """The folder for data that can be computed or asked for again: digests, facts of the hub, results of steps."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "graphflow"
