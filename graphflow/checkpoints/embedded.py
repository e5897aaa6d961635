"""The checkpoints that come with graphflow. Their package is named and not imported: the engine works without it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from graphflow.checkpoints.reading import read_json

PACKAGE = "graphflow_embedded"


def folder() -> Path:
    """Where `checkpoints/NAME.json` and `components/` are.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    return Path(str(resources.files(PACKAGE)))


def path_of(name: str) -> Path:
    """The small file that says what `embedded/NAME` consists of."""
    return folder() / "checkpoints" / f"{name}.json"


def names() -> list[str]:
    """All of them, sorted."""
    return sorted(path.stem for path in (folder() / "checkpoints").glob("*.json"))


def describe(name: str) -> dict[str, Any]:
    """Class, components (role → folder in `components/`) and a few words.

    Raises:
        KeyError: there is none of this name.
    """
    if not path_of(name).is_file():
        raise KeyError(name)
    return read_json(path_of(name))


def components(name: str) -> dict[str, Path]:
    """Role → folder of each part.

    Raises:
        KeyError: there is none of this name.
    """
    return {role: folder() / "components" / part for role, part in describe(name).get("components", {}).items()}
