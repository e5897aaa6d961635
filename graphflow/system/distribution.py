"""The distribution that graphflow is installed from. The name `graphflow` belongs to somebody else's package."""

from __future__ import annotations

import functools
from importlib import metadata

DISTRIBUTION = "graphflow-diffusion"
"""What pip installs; the package to import is `graphflow`."""


@functools.cache
def shipped_version() -> str:
    """The version that is installed."""
    return metadata.version(DISTRIBUTION)


def install_command(extra: str) -> str:
    """The command that adds what an optional feature needs.

    Args:
        extra: a key of the distribution's optional dependencies, such as `canny`.
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
