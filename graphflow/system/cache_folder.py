"""The folder for data that can be computed or asked for again."""

from __future__ import annotations

import os
from pathlib import Path

from graphflow.errors import GraphflowError
from graphflow.system.byte_sizes import parse_bytes

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


def usual_size(otherwise: str) -> int:
    """The bytes that SIZE_VARIABLE allows for results; those of the size `otherwise` if it is not set.

    Raises:
        GraphflowError: its value is not a size.
    """
    named = os.environ.get(SIZE_VARIABLE)
    try:
        return parse_bytes(named or otherwise)
    except GraphflowError as error:
        raise GraphflowError(f"the variable {SIZE_VARIABLE}: {error}") from error
