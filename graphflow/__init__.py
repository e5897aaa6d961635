"""graphflow: image-diffusion workflows as YAML graphs.

What a node is written with is here at once; everything that loads and runs graphs is imported when it is
first used, so that a node's module imports little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from graphflow.errors import (
    Cancelled,
    DefinitionError,
    FileProblem,
    GraphflowError,
    InvalidGraph,
    InvalidValue,
    RunFailed,
    StepError,
)
from graphflow.facts import Facts
from graphflow.marker import (
    Component,
    Context,
    Doc,
    Fault,
    Ge,
    Gt,
    Le,
    Len,
    Lt,
    MultipleOf,
    Planned,
    SameSize,
    Seed,
    SizeOf,
    SpaceOf,
    Step,
    node,
    step,
)
from graphflow.problems import Level, Place, Problem
from graphflow.values import Animation, File, Image, Mask

if TYPE_CHECKING:
    from graphflow.catalog import Catalog, default_catalog
    from graphflow.engine import Engine, run
    from graphflow.execute.result import Result
    from graphflow.graph import Graph, load, text
    from graphflow.plan.plan import Plan

_LATER = {
    "Catalog": "graphflow.catalog",
    "Engine": "graphflow.engine",
    "Graph": "graphflow.graph",
    "Plan": "graphflow.plan.plan",
    "Result": "graphflow.execute.result",
    "default_catalog": "graphflow.catalog",
    "load": "graphflow.graph",
    "run": "graphflow.engine",
    "text": "graphflow.graph",
}

__all__ = [
    "Animation",
    "Cancelled",
    "Catalog",
    "Component",
    "Context",
    "DefinitionError",
    "Doc",
    "Engine",
    "Facts",
    "Fault",
    "File",
    "FileProblem",
    "Ge",
    "Graph",
    "GraphflowError",
    "Gt",
    "Image",
    "InvalidGraph",
    "InvalidValue",
    "Le",
    "Len",
    "Level",
    "Lt",
    "Mask",
    "MultipleOf",
    "Place",
    "Plan",
    "Planned",
    "Problem",
    "Result",
    "RunFailed",
    "SameSize",
    "Seed",
    "SizeOf",
    "SpaceOf",
    "Step",
    "StepError",
    "default_catalog",
    "load",
    "node",
    "run",
    "step",
    "text",
]


def __getattr__(name: str) -> object:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module graphflow has no attribute {name}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
