"""Names in the original layout become those that diffusers' conversions give, and that the classes have."""

from __future__ import annotations

import pytest
import torch
import transformers

from graphflow.checkpoints.single_file import FilePart, read_single_file
from graphflow.checkpoints.tensor_names import in_folder
from graphflow.checkpoints.tensor_storage import Stored
from graphflow_nodes.single_files.original import ORIGINAL
from tests.single_files.conversion import converted
from tests.single_files.test_layouts import FILES, states, tensors, write


def numbered(part: FilePart) -> dict[str, torch.Tensor]:
    """In place of each tensor one that tells its number, and in its thirds 0, 0.25 and 0.5 beside it."""
    width = part.config.get("hidden_size", 1)
    found = {}
    for number, (name, how) in enumerate(part.stored.items()):
        rows = torch.full((3 * width if how is Stored.THIRDS else width, 1), float(number), dtype=torch.float64)
        if how is Stored.THIRDS:
            rows += torch.arange(3, dtype=torch.float64).repeat_interleave(width)[:, None] / 4
        found[name] = rows[:, 0] if name.endswith("bias") else rows
    return found


def by_diffusers(part: FilePart) -> dict[str, float]:
    """Current name → number of the tensor that diffusers puts there, and a fraction for a piece of it."""
    around = torch.nn.Module()
    around.config = transformers.CLIPTextConfig.from_dict(part.config) if "text" in part.role else None
    return {name: float(tensor.flatten()[0]) for name, tensor in converted(numbered(part), part, around).items()}


def by_us(part: FilePart) -> dict[str, float]:
    numbers = {name: number for number, name in enumerate(part.stored)}
    return {one: numbers[name] + at / 4 for name, names in part.names.items() for at, one in enumerate(names)}


@pytest.mark.parametrize(("family", "variant"), FILES)
def test_names_in_a_published_file_are_those_of_diffusers_conversion_and_of_its_class(family, variant, tmp_path):
    said = {"modelspec__prediction_type": "v" if variant == "v" else "epsilon"}
    single = read_single_file("x", write(tmp_path / "x.safetensors", tensors(family, variant), **said), [ORIGINAL])
    for role, state in states(family, variant).items():
        part = single.components[role]
        assert isinstance(part, FilePart)
        assert by_us(part) == by_diffusers(part), role
        assert set(by_us(part)) == {in_folder(name) for name in state}, role
