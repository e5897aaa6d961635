"""The folders of the variable GRAPHFLOW_MODELS, in which files are looked up by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MODELS_VARIABLE = "GRAPHFLOW_MODELS"
"""Environment variable: folders, separated as in PATH, in which a file's name is looked up."""


def _folders() -> Iterator[Path]:
    return map(Path, filter(None, os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)))


def in_models_folders(name: str) -> tuple[Path, ...]:
    """The files or folders with this name, in the order of the folders; links to the same file count once."""
    found: dict[Path, Path] = {}
    for folder in _folders():
        path = folder / name
        if path.exists():
            found.setdefault(path.resolve(), path)
    return tuple(found.values())


def names_in_models_folders(name: str) -> list[str]:
    """The names of all files beside the place of this name in each folder, sorted; for suggestions."""
    beside = Path(name).parent
    places = (folder / beside for folder in _folders())
    names = (path.name for place in places if place.is_dir() for path in place.iterdir())
    return sorted({(beside / name).as_posix() for name in names})
