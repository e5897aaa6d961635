"""Models whose weights are in several files with an index paint what the same weights in one file paint."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import graphflow as gf
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from tests import plain
from tests.shipped import read_checkpoint

MODELS = ("unet", "vae", "text_encoder")


def painted(source: object, **details: object) -> np.ndarray:
    graph = gf.Graph()
    name = graph.checkpoint("base", str(source), **details)
    stage = graph.add("text2img", checkpoint=name, prompt="a red circle", seed=5, num_inference_steps=3)
    graph.output(image=stage.image)
    return gf.run(graph)["image"].array


def with_late_variant(folder: Path, target: Path) -> Path:
    """A copy in which the variant stands behind the shard's number, as diffusers before 0.29 wrote it."""
    shutil.copytree(folder, target)
    for path in sorted(target.glob("*/*.fp16-*.safetensors")):
        path.rename(path.with_name(path.name.replace(".fp16", "").replace(".safetensors", ".fp16.safetensors")))
    for index in target.glob("*/*.index.fp16.json"):
        text = index.read_text()
        for number in range(1, 100):
            text = text.replace(f".fp16-{number:05}-of-", f"-{number:05}-of-")
        index.write_text(text.replace('.safetensors"', '.fp16.safetensors"'))
    return target


@pytest.mark.parametrize(("sharded", "whole"), [("sd_sharded", "sd"), ("sd_sharded_fp16", "sd_fp16")])
def test_shards_are_the_components_of_the_whole_files(tiny, sharded, whole):
    mine, theirs = (read_checkpoint(name, tiny(name)).components for name in (sharded, whole))
    for role in MODELS:
        assert len(mine[role].weights) > 1
        assert mine[role].identity == theirs[role].identity


def test_shards_equal_the_plain_call(tiny):
    expected = plain.text2img(tiny("sd_sharded"), "a red circle", seed=5, steps=3)
    assert np.array_equal(painted(tiny("sd_sharded")), expected)


@pytest.mark.parametrize("late", [False, True])
def test_shards_of_a_variant_equal_the_plain_call(tiny, tmp_path, late):
    folder = tiny("sd_sharded_fp16")
    if late:
        # transformers knows the other name only.
        folder = with_late_variant(folder, tmp_path / "late")
        shutil.rmtree(folder / "text_encoder")
        shutil.copytree(tiny("sd_sharded_fp16") / "text_encoder", folder / "text_encoder")
    expected = plain.text2img(folder, "a red circle", seed=5, steps=3, variant="fp16", dtype=torch.float32)
    assert np.array_equal(painted(folder, variant="fp16"), expected)
    assert np.array_equal(painted(folder), expected)


def test_shards_are_found_by_the_name_of_their_folder(tiny, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(tiny("sd_sharded").parent))
    assert np.array_equal(painted("sd_sharded"), painted(tiny("sd_sharded")))
    vae = {"vae": "sd_sharded/vae"}
    assert np.array_equal(painted(tiny("sd_other_vae"), components=vae), painted(tiny("sd")))


def test_missing_shard_is_refused_with_its_name(tiny, tmp_path):
    folder = tmp_path / "sd"
    shutil.copytree(tiny("sd_sharded_fp16"), folder)
    (folder / "vae" / sorted(path.name for path in (folder / "vae").glob("*-00002-of-*"))[0]).unlink()
    with pytest.raises(gf.InvalidGraph, match=r"has no diffusion_pytorch_model\.fp16-00002-of-") as caught:
        painted(folder, variant="fp16")
    assert "safetensors.index.fp16.json says that it holds" in caught.value.problems[0].why
