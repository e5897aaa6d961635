"""Checkpoints of the hub without a connection: those on this machine are used, the others are known by name alone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import graphflow as gf
from tests import plain

NAME = "owner/tiny-sd"


def graph(name=NAME):
    made = gf.Graph()
    stage = made.add("text2img", checkpoint=name, prompt="a red circle", num_inference_steps=2, seed=5)
    made.output(image=stage.image)
    return made


@pytest.fixture
def cached(tiny, tmp_path, monkeypatch):
    """A cache of the hub's own form that holds one repository."""
    folder = tmp_path / "hub" / "models--owner--tiny-sd"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123abcd")
    shutil.copytree(tiny("sd"), folder / "snapshots" / "0123abcd")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize("name", [NAME, f"{NAME}@main", f"{NAME}@0123abcd"])
def test_a_repository_on_this_machine_is_a_folder_like_others(tiny, cached, name):
    expected = plain.text2img(tiny("sd"), "a red circle", seed=5, steps=2)
    assert np.array_equal(gf.run(graph(name))["image"].array, expected)


def test_a_repository_that_is_not_here_passes_check_with_a_warning(cached):
    checked = graph("owner/other").check()
    assert checked.ok
    fix = "unset HF_HUB_OFFLINE, and get it with: graphflow checkpoints pull owner/other"
    assert [(one.code, one.fix) for one in checked.problems] == [("checkpoint-absent", fix)]


def test_a_run_without_the_repository_ends_at_once_with_the_way_out(cached):
    with pytest.raises(gf.RunFailed, match="graphflow checkpoints pull owner/other@v1"):
        gf.run(graph("owner/other@v1"))


def test_stages_of_unknown_checkpoints_take_each_others_latents(cached, mask):
    made = gf.Graph()
    hole = made.input("mask", "mask")
    one = made.add("text2img", checkpoint="owner/base", prompt="x", denoising_end=0.8)
    two = made.add("refiner", checkpoint="owner/refiner", image=one.latents, prompt="x", denoising_start=0.8)
    three = made.add("inpaint", checkpoint="owner/base", image=two.image, mask=hole, prompt="x", padding_mask_crop=8)
    made.output(image=three.image)
    assert made.check({"mask": mask}).ok
    assert made.plan({"mask": mask}).steps
