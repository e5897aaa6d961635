"""Samplers: what a checkpoint brings and what a document says is told by `check`, and what passes runs."""

from __future__ import annotations

import inspect
import json
import shutil
import sys

import diffusers
import numpy as np
import pytest
import torch
from diffusers.utils import logging

import graphflow as gf
from graphflow_nodes.models.defaults import class_defaults
from graphflow_nodes.models.samplers import OWN, PACKAGES, REPLACED
from graphflow_nodes.planning.chosen_sampler import Sampler
from graphflow_nodes.planning.sampler_settings import conflicts, misfit, most_steps
from graphflow_nodes.steps.pipeline import _scheduler
from tests import plain
from tests.shipped import read_checkpoint

pytestmark = pytest.mark.filterwarnings(r"ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 3}


@pytest.fixture
def brought(tiny, tmp_path):
    """Makes a checkpoint that brings a scheduler."""

    def make(class_name, name="sd", **config):
        folder = tmp_path / f"{name}-{class_name}"
        shutil.copytree(tiny(name), folder)
        index, path = folder / "model_index.json", folder / "scheduler" / "scheduler_config.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", class_name]}))
        path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": class_name} | config))
        return folder

    return make


def problems(folder, node="text2img", picture=None, **more):
    graph = gf.Graph()
    given = {"image": graph.input("image", "image")} if picture else {}
    graph.add(node, checkpoint=str(folder), **given, **CALL | more)
    return graph.check({"image": picture} if picture else {}).problems


def painted(folder, **more):
    graph = gf.Graph()
    graph.output(image=graph.add("text2img", checkpoint=str(folder), **CALL | more).image)
    return gf.run(graph)["image"].array


# A checkpoint's own


@pytest.mark.parametrize("name", [*REPLACED, "NoSuchScheduler", "CMStochasticIterativeScheduler"])
def test_a_sampler_that_does_not_run_is_told_before_the_run(brought, name):
    found = problems(brought(name))
    assert {one.code for one in found} == {"wrong-part"} or "is not installed" in found[-1].why
    assert name in found[0].why
    assert found[0].fix


def test_a_checkpoint_without_a_sampler_is_told_before_the_run(brought):
    folder = brought("DDIMScheduler")
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": [None, None]}))
    (problem,) = problems(folder)
    assert "scheduler" in problem.why
    assert "components: {scheduler: ./other}" in problem.fix


@pytest.mark.parametrize("name", ["FlowMatchEulerDiscreteScheduler", "DDIMInverseScheduler"])
def test_another_sampler_runs_in_the_place_of_one_that_does_not(brought, name):
    """Beside the plain call, which makes the checkpoint's own first and starts from its config."""
    folder = brought(name)
    assert not problems(folder, scheduler="ddim")
    expected = plain.text2img(folder, "a red circle", seed=5, steps=3, scheduler="DDIMScheduler")
    assert np.array_equal(painted(folder, scheduler="ddim"), expected)


def test_the_sampler_of_another_checkpoint_takes_the_place_of_a_strange_one(tiny, brought):
    graph = gf.Graph()
    name = graph.checkpoint("base", str(brought("NoSuchScheduler")), components={"scheduler": str(tiny("sd"))})
    graph.output(image=graph.add("text2img", checkpoint=name, **CALL).image)
    assert np.array_equal(gf.run(graph)["image"].array, plain.text2img(tiny("sd"), "a red circle", seed=5, steps=3))


@pytest.mark.parametrize(
    "name",
    [
        "DDIMParallelScheduler",
        "DDPMParallelScheduler",
        "EDMEulerScheduler",
        "IPNDMScheduler",
        "SASolverScheduler",
        "TCDScheduler",
    ],
)
def test_a_checkpoints_own_sampler_equals_the_plain_call(brought, name):
    folder = brought(name)
    assert not problems(folder)
    assert np.array_equal(painted(folder), plain.text2img(folder, "a red circle", seed=5, steps=3))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("beta_schedule", "cosine"),
        ("beta_start", "0.1"),
        ("beta_end", None),
        ("num_train_timesteps", 1000.5),
        ("num_train_timesteps", 10**9),
        ("prediction_type", "flow_prediction"),
        ("timestep_spacing", ["leading"]),
        ("trained_betas", "none"),
        ("steps_offset", "one"),
        ("use_karras_sigmas", "yes"),
        ("use_exponential_sigmas", True),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told_before_the_run(brought, setting, value):
    folder = brought("EulerDiscreteScheduler", **{"use_karras_sigmas": True, setting: value})
    (problem,) = problems(folder)
    assert setting in problem.message
    assert problem.fix


def test_settings_that_need_a_package_are_told_before_the_run(brought, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    for folder in (brought("EulerDiscreteScheduler", use_beta_sigmas=True), brought("LMSDiscreteScheduler")):
        (problem,) = problems(folder)
        assert "scipy, which is not installed" in problem.why
        assert "pip install scipy" in problem.fix
    (problem,) = problems(brought("DDIMScheduler"), scheduler="LMSDiscreteScheduler")
    assert "pip install scipy" in problem.fix


# Limits


def test_a_sampler_that_starts_from_noise_only_is_refused_for_a_picture(tiny, picture):
    assert not problems(tiny("sd"), scheduler="IPNDMScheduler")
    (problem,) = problems(tiny("sd"), "img2img", picture, scheduler="IPNDMScheduler")
    assert "only starts from noise" in problem.why


def test_more_steps_than_a_sampler_has_are_refused(tiny, brought):
    assert not problems(tiny("sd"), scheduler="LCMScheduler", num_inference_steps=50)
    (problem,) = problems(tiny("sd"), scheduler="LCMScheduler", num_inference_steps=51)
    assert "num_inference_steps: 50" in problem.fix
    (problem,) = problems(brought("DDIMScheduler", num_train_timesteps=100), num_inference_steps=101)
    assert "num_inference_steps: 99" in problem.fix


@pytest.mark.usefixtures("silent")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [one for one in OWN if one not in PACKAGES])
@pytest.mark.parametrize("spacing", ["leading", "linspace"])
@pytest.mark.parametrize("offset", [0, 1, 3])
def test_the_steps_that_check_lets_pass_are_there(name, spacing, offset):
    changes = {"steps_offset": offset, "timestep_spacing": spacing, "num_train_timesteps": 60}
    config = {**class_defaults()[name], **SETTINGS, **changes}
    failed = []
    for steps in (60, 59, 58, 57, 31, 30, 29):
        try:
            good = runs(name, config, steps)
        except (IndexError, AssertionError, ValueError):
            good = False
        if not good:
            failed.append(steps)
    assert failed == [n for n in (60, 59, 58, 57, 31, 30, 29) if most_steps(name, config, n) < n]


@pytest.mark.parametrize("name", ["sd", "sd_v"])
def test_the_most_steps_of_a_checkpoint_are_told(tiny, picture, name):
    """The class sets steps_offset to 1, so that the noisiest of 1,000 steps would be the 1,001st."""
    (problem,) = problems(tiny(name), num_inference_steps=1000)
    assert "num_inference_steps: 999" in problem.fix
    assert not problems(tiny(name), num_inference_steps=999)
    assert not problems(tiny(name), num_inference_steps=1000, scheduler="euler")
    assert not problems(tiny(name), "img2img", picture, num_inference_steps=1000, strength=0.5)


# What runs


VALUES = [None, True, False, 0, 1, 2, 3, 4, -1, 0.5, 1.5, 60, 1000, 10**9, float("nan"), [], [0.1], [0.001] * 1000, {}]
WORDS = ["x", "", "3", "epsilon", "sample", "v_prediction", "flow_prediction", "linspace", "leading", "trailing"]
WORDS += ["linear", "scaled_linear", "squaredcos_cap_v2", "laplace", "sigmoid", "exp", "exponential", "karras"]
WORDS += ["midpoint", "heun", "logrho", "bh1", "bh2", "deis", "dpmsolver", "dpmsolver++", "sde-dpmsolver++"]
WORDS += ["data_prediction", "noise_prediction", "zero", "sigma_min", "fixed_small", "fixed_small_log"]
WORDS += ["fixed_large", "fixed_large_log", "learned", "learned_range", "discrete", "continuous", "log_linear"]
SETTINGS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def passes(name, config):
    """Whether `check` lets a scheduler with this config pass."""
    known = class_defaults()[name]
    config = {**known, **{key: value for key, value in config.items() if key in known}}
    wrong = any(misfit(name, key, value, known[key]) for key, value in config.items())
    return not wrong and not list(conflicts(name, config)) and most_steps(name, config, 4) == 4


def runs(name, config, steps=4):
    """Whether a scheduler with this config samples noise into numbers."""
    scheduler = getattr(diffusers, name).from_config(config)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(1, 4, 8, 8, generator=generator)
    if hasattr(scheduler, "add_noise"):
        scheduler.add_noise(sample, sample, scheduler.timesteps[1:2])
    sample = sample * scheduler.init_noise_sigma
    given = {"generator": generator, "eta": 0.5}
    given = {key: value for key, value in given.items() if key in inspect.signature(scheduler.step).parameters}
    for timestep in scheduler.timesteps:
        scheduler.scale_model_input(sample, timestep)
        noise = torch.randn(1, 4, 8, 8, generator=generator)
        sample = scheduler.step(noise, timestep, sample, return_dict=False, **given)[0]
    return bool(torch.isfinite(sample).all())


@pytest.fixture
def silent():
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(verbosity)


@pytest.mark.usefixtures("silent")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [one for one in OWN if one not in PACKAGES])
def test_every_value_of_a_setting_that_check_lets_pass_runs(name):
    failed = []
    for key in class_defaults()[name]:
        for value in [*VALUES, *WORDS]:
            config = {**SETTINGS, key: value}
            try:
                if passes(name, config) and not runs(name, config):
                    failed.append((key, value, "no numbers"))
            except Exception as error:  # noqa: BLE001
                failed.append((key, value, repr(error)[:80]))
    assert failed == []


@pytest.mark.parametrize("name", [one for one in OWN if one not in PACKAGES])
def test_a_class_as_diffusers_makes_it_passes(name):
    assert passes(name, {})
    assert passes(name, SETTINGS)


@pytest.mark.parametrize("name", ["UNet2DConditionModel", "os", "StableDiffusionPipeline", "AmusedScheduler", ""])
def test_a_run_makes_no_scheduler_that_is_not_of_the_list(name):
    with pytest.raises(gf.GraphflowError, match="known classes"):
        _scheduler(name, "{}")


def test_asking_for_the_most_steps_leaves_the_settings_as_they_are(tiny):
    sampler = Sampler(read_checkpoint("x", tiny("sd")), "ddim")
    before = {**sampler.config, "steps_offset": 0}
    sampler.config["steps_offset"] = 0
    sampler.most_steps(20, moved=True, whole=True)
    assert sampler.config == before
