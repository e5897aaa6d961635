"""graphflow: image-diffusion workflows as YAML graphs.

Every name is imported when it is first used: a node's module imports little, and `import graphflow` next to nothing.
"""

from __future__ import annotations

# As `typing` has it, which takes longer to import than all else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from graphflow.catalog.authoring import (
        Batchable,
        Context,
        Doc,
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
    from graphflow.catalog.catalog import Catalog, default_catalog
    from graphflow.checkpoints.checkpoint import Checkpoint
    from graphflow.checkpoints.family import Family, LatentRules, StageSpec, TextReader
    from graphflow.checkpoints.hub import Hub
    from graphflow.checkpoints.lora import LoraTarget
    from graphflow.checkpoints.model_class import ModelClass
    from graphflow.engine import Engine, run
    from graphflow.errors import (
        DefinitionError,
        DownloadFailed,
        FileProblem,
        GraphflowError,
        InvalidGraph,
        InvalidValue,
        StepError,
    )
    from graphflow.execute.result import Cancelled, Result, RunFailed
    from graphflow.graph import Graph, load
    from graphflow.handles import text
    from graphflow.plan.plan import Plan
    from graphflow.problems import Fault, Level, Place, Problem
    from graphflow.reruns.compared import Rerun
    from graphflow.reruns.rerun import rerun
    from graphflow.store.disk_store import DiskStore
    from graphflow.store.memory_store import MemoryStore
    from graphflow.swept_graph import sweep
    from graphflow.values.animation import Animation
    from graphflow.values.component import Component
    from graphflow.values.control import Control
    from graphflow.values.embedding_space import EmbeddingSpace
    from graphflow.values.facts import Facts
    from graphflow.values.file import File
    from graphflow.values.latent_space import LatentSpace
    from graphflow.values.raster import Image, Mask
    from graphflow.values.sampling import Sampling
    from graphflow.values.tensor_values import Conditioning, ImageEmbedding, Latents

_MEMBERS = {
    "catalog.catalog": "Catalog default_catalog",
    "checkpoints.checkpoint": "Checkpoint",
    "checkpoints.family": "Family LatentRules StageSpec TextReader",
    "checkpoints.hub": "Hub",
    "checkpoints.lora": "LoraTarget",
    "checkpoints.model_class": "ModelClass",
    "values.sampling": "Sampling",
    "engine": "Engine run",
    "errors": "DefinitionError DownloadFailed FileProblem GraphflowError InvalidGraph InvalidValue StepError",
    "execute.result": "Cancelled Result RunFailed",
    "values.animation": "Animation",
    "values.control": "Control",
    "values.embedding_space": "EmbeddingSpace",
    "values.facts": "Facts",
    "values.file": "File",
    "values.latent_space": "LatentSpace",
    "values.raster": "Image Mask",
    "values.tensor_values": "Conditioning ImageEmbedding Latents",
    "graph": "Graph load",
    "handles": "text",
    "catalog.authoring": (
        "Batchable Context Doc Ge Gt Le Len Lt MultipleOf Planned SameSize Seed SizeOf SpaceOf Step node step"
    ),
    "plan.plan": "Plan",
    "reruns.compared": "Rerun",
    "reruns.rerun": "rerun",
    "store.disk_store": "DiskStore",
    "store.memory_store": "MemoryStore",
    "swept_graph": "sweep",
    "problems": "Fault Level Place Problem",
    "values.component": "Component",
}
"""Module of graphflow → what is offered of it."""

_MODULES = {name: f"graphflow.{module}" for module, names in _MEMBERS.items() for name in names.split()}

__all__ = [
    "Animation",
    "Batchable",
    "Cancelled",
    "Catalog",
    "Checkpoint",
    "Component",
    "Conditioning",
    "Context",
    "Control",
    "DefinitionError",
    "DiskStore",
    "Doc",
    "DownloadFailed",
    "EmbeddingSpace",
    "Engine",
    "Facts",
    "Family",
    "Fault",
    "File",
    "FileProblem",
    "Ge",
    "Graph",
    "GraphflowError",
    "Gt",
    "Hub",
    "Image",
    "ImageEmbedding",
    "InvalidGraph",
    "InvalidValue",
    "LatentRules",
    "LatentSpace",
    "Latents",
    "Le",
    "Len",
    "Level",
    "LoraTarget",
    "Lt",
    "Mask",
    "MemoryStore",
    "ModelClass",
    "MultipleOf",
    "Place",
    "Plan",
    "Planned",
    "Problem",
    "Rerun",
    "Result",
    "RunFailed",
    "SameSize",
    "Sampling",
    "Seed",
    "SizeOf",
    "SpaceOf",
    "StageSpec",
    "Step",
    "StepError",
    "TextReader",
    "default_catalog",
    "load",
    "node",
    "rerun",
    "run",
    "step",
    "sweep",
    "text",
]


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module graphflow has no attribute {name}")
    import importlib

    found: object = getattr(importlib.import_module(module), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
