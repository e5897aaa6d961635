"""Tensors have one set of names, whatever layout they are stored in: the names that diffusers' conversions give."""

from __future__ import annotations

import pytest
import torch
import transformers

from graphflow.checkpoints.single_file import FilePart, read_single_file
from graphflow.checkpoints.tensor_names import in_folder
from graphflow.checkpoints.weights import Stored
from graphflow.execute.loader import converted
from tests.checkpoints.test_single_layouts import FILES, states, tensors, write
from tests.shipped import FAMILIES


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
    single = read_single_file("x", write(tmp_path / "x.safetensors", tensors(family, variant), **said), FAMILIES)
    for role, state in states(family, variant).items():
        part = single.components[role]
        assert isinstance(part, FilePart)
        assert by_us(part) == by_diffusers(part), role
        assert set(by_us(part)) == {in_folder(name) for name in state}, role


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        ("encoder.mid_block.attentions.0.query.weight", "encoder.mid_block.attentions.0.to_q.weight"),
        ("decoder.mid_block.attentions.0.key.bias", "decoder.mid_block.attentions.0.to_k.bias"),
        ("decoder.mid_block.attentions.0.value.weight", "decoder.mid_block.attentions.0.to_v.weight"),
        ("decoder.mid_block.attentions.0.proj_attn.bias", "decoder.mid_block.attentions.0.to_out.0.bias"),
        ("encoder.layer.0.attention.attention.query.weight", "encoder.layer.0.attention.attention.query.weight"),
        ("text_model.final_layer_norm.weight", "final_layer_norm.weight"),
        ("text_model.embeddings.position_ids", None),
        ("embeddings.position_ids", None),
        ("position_ids", None),
        ("my_position_ids", "my_position_ids"),
    ],
)
def test_earlier_names_in_a_folder_are_brought_up_to_date(stored, current):
    assert in_folder(stored) == current


def test_what_diffusers_renames_in_an_old_vae_is_what_we_rename(tmp_path):
    """A tiny VAE with the names of before 0.18, loaded by diffusers: each tensor ends where our name says."""
    from diffusers import AutoencoderKL
    from safetensors.torch import load_file, save_file

    from tests.tiny import make

    folder = make("sd_old", tmp_path) / "vae"
    stored = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert any(name != in_folder(name) for name in stored)
    marked = {name: torch.full_like(tensor, number) for number, (name, tensor) in enumerate(stored.items())}
    save_file(marked, folder / "diffusion_pytorch_model.safetensors")
    loaded = AutoencoderKL.from_pretrained(folder).state_dict()
    assert {name: int(tensor.flatten()[0]) for name, tensor in loaded.items()} == {
        in_folder(name): number for number, name in enumerate(stored)
    }
