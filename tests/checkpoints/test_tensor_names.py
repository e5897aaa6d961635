"""Tensors of a folder have one set of names, whatever version of the libraries wrote it."""

from __future__ import annotations

import pytest
import torch

from graphflow.checkpoints.tensor_names import in_folder


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
