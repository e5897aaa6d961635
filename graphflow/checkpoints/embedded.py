"""The checkpoints that come with graphflow. Their package is not imported, so the engine also works without it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from graphflow.checkpoints.reading import read_json

PACKAGE = "graphflow_embedded"


def folder() -> Path:
    """The folder that contains `checkpoints/NAME.json` and `components/`.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    return Path(str(resources.files(PACKAGE)))


def path_of(name: str) -> Path:
    """The file that lists the components of `embedded/NAME`."""
    return folder() / "checkpoints" / f"{name}.json"


def names() -> list[str]:
    """The names of all embedded checkpoints, sorted."""
    return sorted(path.stem for path in (folder() / "checkpoints").glob("*.json"))


def describe(name: str) -> dict[str, Any]:
    """The description of a checkpoint: class, components (role → folder in `components/`) and a short text.

    Raises:
        KeyError: there is no such checkpoint.
    """
    if not path_of(name).is_file():
        raise KeyError(name)
    return read_json(path_of(name))


def components(name: str) -> dict[str, Path]:
    """Role → folder of each component.

    Raises:
        KeyError: there is no such checkpoint.
    """
    return {role: folder() / "components" / part for role, part in describe(name).get("components", {}).items()}
