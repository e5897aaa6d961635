"""The reader of single files in the original layout, as an entry for model families."""

from __future__ import annotations

from pathlib import Path

from graphflow.checkpoints.safetensors_header import Tensors
from graphflow.checkpoints.single_file import Shapes, SingleFile, SingleFiles
from graphflow.document.refusal import Refusal

# The reader is imported in functions, since most graphs have no single files.


def _read(name: str, path: Path, header: Tensors) -> SingleFile | None:
    from graphflow_nodes.single_files.reader import read

    return read(name, path, header)


def _explain(name: str, shapes: Shapes) -> Refusal | None:
    from graphflow_nodes.single_files.reader import explain

    return explain(name, shapes)


ORIGINAL = SingleFiles(
    "Stable Diffusion 1.5, 2, XL and the XL refiner, their VAEs and ControlNets, and models such as ESRGAN",
    _read,
    _explain,
)
