"""Default settings of classes in the tested versions of diffusers and transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import resources
from typing import Any

from graphflow.system.files import read_only


@cache
def class_defaults() -> Mapping[str, Mapping[str, Any]]:
    """Class name → default of every setting, read-only."""
    text = resources.files("graphflow_nodes").joinpath("models/class_defaults.json").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Any]] = read_only(json.loads(text))
    return found


def defaults_of(class_name: str) -> Callable[[], Mapping[str, Any]]:
    """A function that returns the defaults of one class; the file is read on its first call."""
    return partial(_defaults, class_name)


def _defaults(class_name: str) -> Mapping[str, Any]:
    return class_defaults()[class_name]
