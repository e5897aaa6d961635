"""The model families that come along, and reading checkpoints of theirs."""

from pathlib import Path

from graphflow.catalog.catalog import default_catalog
from graphflow.checkpoints import local_checkpoint
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.checkpoint_reader import CheckpointReader
from graphflow.system.device import CPU

FAMILIES = default_catalog().families
CLASSES = FAMILIES.classes


def read_checkpoint(name: str, path: Path) -> Checkpoint:
    """The facts of a local checkpoint."""
    return local_checkpoint.read_checkpoint(name, path, FAMILIES)


def reader() -> CheckpointReader:
    """Reads checkpoints for a call that computes on the CPU."""
    return CheckpointReader(CPU, FAMILIES)
