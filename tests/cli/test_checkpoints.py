from __future__ import annotations

import shutil

import pytest

from tests.tiny import make


def test_list_names_every_embedded_checkpoint_with_size_and_licence(graphflow):
    listed = graphflow("checkpoints", "list")
    assert listed.returncode == 0
    for name in ("embedded/sd ", "embedded/sd-inpaint", "embedded/depth", "StableDiffusionInpaintPipeline"):
        assert name in listed.stdout
    heads = [line for line in listed.stdout.splitlines() if line.startswith("embedded/")]
    assert heads
    assert all("Apache-2.0" in line and " MB " in line for line in heads)


def test_verify_compares_embedded_weights_with_what_was_published(graphflow):
    told = graphflow("checkpoints", "verify")
    assert told.returncode == 0, told.stdout
    assert "embedded/sd-inpaint: unet as published" in told.stdout


def test_verify_tells_a_damaged_checkpoint(graphflow, folder):
    damaged = folder / "sd"
    shutil.copytree(make("sd", folder / "tiny"), damaged)
    whole = graphflow("checkpoints", "verify", str(damaged))
    assert (whole.returncode, "vae complete" in whole.stdout) == (0, True)
    weights = damaged / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    told = graphflow("checkpoints", "verify", str(damaged), "owner/name")
    assert told.returncode == 1
    assert "not a complete safetensors file" in told.stdout
    assert "graphflow checkpoints pull owner/name" in told.stdout


def test_export_writes_a_folder_once(graphflow, folder):
    assert graphflow("checkpoints", "export", "embedded/sd", "sd").returncode == 0
    assert (folder / "sd" / "model_index.json").is_file()
    again = graphflow("checkpoints", "export", "sd", "sd")
    assert (again.returncode, "not empty" in again.stderr) == (2, True)


@pytest.mark.parametrize("words", [["export", "no-such", "x"], ["nothing"], []])
def test_a_wrong_call_ends_with_2(graphflow, words):
    assert graphflow("checkpoints", *words).returncode == 2
