"""The step that ends a run if a checkpoint is not on this machine."""

from __future__ import annotations

from graphflow.catalog.authoring import step
from graphflow.errors import FileProblem
from graphflow.values.raster import Image


@step(version=2, deterministic=False)
def missing(*, name: str, why: str, fix: str) -> Image:
    """Stop, because the checkpoint is not on this machine.

    Replaces all steps of a stage.

    Raises:
        FileProblem: always.
    """
    raise FileProblem(f"the checkpoint {name} is not on this machine", "checkpoint-missing", why=why, fix=fix)
