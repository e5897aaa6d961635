"""The distribution from which graphflow is installed; the name `graphflow` belongs to another package."""

from __future__ import annotations

import functools
from importlib import metadata

DISTRIBUTION = "graphflow-diffusion"
"""The name for pip; the package to import is `graphflow`."""


@functools.cache
def shipped_version() -> str:
    """The installed version."""
    return metadata.version(DISTRIBUTION)


def install_command(extra: str) -> str:
    """The command that installs the dependencies of an optional feature.

    Args:
        extra: a key of the distribution's optional dependencies, such as `canny`.
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
