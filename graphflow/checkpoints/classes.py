"""The classes of components that can be read, by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache

from graphflow.checkpoints.model_class import ModelClass


@cache
def known_classes() -> Mapping[str, ModelClass]:
    """Name → class, of those that come along."""
    shipped: tuple[ModelClass, ...] = importlib.import_module("graphflow_nodes.models").CLASSES
    return {one.name: one for one in shipped}
