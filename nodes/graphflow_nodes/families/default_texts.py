"""Descriptions of the effective defaults of stages' params, for the families that come with graphflow."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from graphflow.checkpoints.family import Family
from graphflow_nodes import FAMILIES


def usual(stage: str, variant: str = "", condition: str = "") -> dict[str, str]:
    """Param → its effective default in words; `condition` says when the stage's `variant` runs."""
    defaults, others = _usual(stage), _usual(variant)
    for param, other in others.items():
        if other != defaults.get(param):
            defaults[param] = (
                f"{defaults[param]}; {condition}: {other}" if param in defaults else f"{condition}: {other}"
            )
    return defaults


def _usual(stage: str) -> dict[str, str]:
    values: dict[str, dict[str, list[str]]] = {}
    for family in shipped():
        for param, value in family.stages[stage].defaults.items() if stage in family.stages else ():
            if value is not None and param != "controlnet_conditioning_scale":
                shown = str(list(value)) if isinstance(value, tuple) else f"{value:g}"
                values.setdefault(param, {}).setdefault(shown, []).append(family.name)
    return {
        param: next(iter(by)) if len(by) == 1 else ", ".join(f"{value} ({', '.join(of)})" for value, of in by.items())
        for param, by in values.items()
    }


def shipped() -> Iterator[Family]:
    """The families that come with graphflow."""
    for entry in FAMILIES:
        module, _, name = entry.partition(":")
        value = getattr(importlib.import_module(module), name)
        if isinstance(value, Family):
            yield value
