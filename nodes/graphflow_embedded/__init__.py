"""The trained checkpoints that ship with graphflow: components, the files that name their parts, and cards."""

from pathlib import Path


def folder() -> Path:
    """The folder that holds `components/`, `checkpoints/` and `cards/`."""
    return Path(__file__).parent
