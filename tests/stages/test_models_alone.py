"""A VAE or a ControlNet alone in a file paints what its folder paints, and is the same component."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

import graphflow as gf
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow.execute.loader import load
from graphflow_nodes.single_files import models_alone
from graphflow_nodes.single_files.published import Published
from tests.shipped import read_checkpoint
from tests.stages.test_single_file import aligned
from tests.tiny import layouts

NETS = {"sd15": "controlnet_canny", "sd2": "controlnet_xl", "sdxl": "controlnet_xl"}
CALL = {"prompt": "a red circle", "seed": 5, "num_inference_steps": 3}
WAYS = {
    "original": layouts.vae_alone,
    "cut": lambda vae: {f"first_stage_model.{name}": one for name, one in layouts.vae_alone(vae).items()},
    "diffusers": dict,
    "old": layouts.old_vae,
}
NET_WAYS = {
    "original": layouts.controlnet,
    "cut": lambda net: {f"control_model.{name}": one for name, one in layouts.controlnet(net).items()},
    "diffusers": dict,
}


@pytest.fixture(autouse=True)
def tiny_configs(tiny, monkeypatch):
    """The published configs are those of the tiny folders."""
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)
    configs = {role: files.config for role, files in read_checkpoint("tiny", tiny("sd")).components.items()}
    monkeypatch.setattr(models_alone, "published", lambda family, variant: Published("tiny", "x", configs))

    def published_controlnet(family: str):
        return read_checkpoint("tiny", tiny(NETS[family])).only.full_config

    monkeypatch.setattr(models_alone, "published_controlnet", published_controlnet)


@pytest.fixture
def vae_file(tiny, tmp_path):
    def made(name: str, way: str = "original"):
        weights = load_file(tiny(name) / "vae" / "diffusion_pytorch_model.safetensors")
        save_file(WAYS[way](weights), tmp_path / "vae.safetensors")
        return tmp_path / "vae.safetensors"

    return made


@pytest.fixture
def net_file(tiny, tmp_path):
    def made(name: str, way: str = "original"):
        weights = load_file(tiny(name) / "diffusion_pytorch_model.safetensors")
        save_file(NET_WAYS[way](weights), tmp_path / "net.safetensors")
        return tmp_path / "net.safetensors"

    return made


def painted(source, vae, loader=aligned):
    graph = gf.Graph()
    graph.checkpoint("base", str(source), components={"vae": str(vae)})
    graph.output(image=graph.add("text2img", checkpoint="base", **CALL).image)
    with gf.Engine(loader=loader) as engine:
        return engine.run(graph)["image"].array


def steered(source, net, picture, loader=aligned):
    graph = gf.Graph()
    control = graph.add("controlnet_condition", checkpoint=str(net), image=graph.input("shown", "image"))
    graph.output(image=graph.add("text2img", checkpoint=str(source), control=control, **CALL).image)
    with gf.Engine(loader=loader) as engine:
        return engine.run(graph, inputs={"shown": picture})["image"].array


@pytest.mark.parametrize("way", WAYS)
def test_vae_alone_is_the_component_of_the_folder_and_paints_its_picture(tiny, vae_file, way):
    file, folder = vae_file("sd_other_vae", way), tiny("sd_other_vae") / "vae"
    assert read_checkpoint("x", file).only.identity == read_checkpoint("x", folder).only.identity
    found = painted(tiny("sd"), file)
    assert np.array_equal(found, painted(tiny("sd"), folder))
    assert not np.array_equal(found, painted(tiny("sd"), tiny("sd")))


@pytest.mark.parametrize("way", NET_WAYS)
@pytest.mark.parametrize("base", ["sd", "sdxl"])
def test_controlnet_alone_is_the_component_of_the_folder_and_paints_its_picture(tiny, net_file, picture, base, way):
    folder = tiny(NETS["sd15" if base == "sd" else "sdxl"])
    file = net_file(folder.name, way)
    assert read_checkpoint("x", file).only.identity == read_checkpoint("x", folder).only.identity
    assert np.array_equal(steered(tiny(base), file, picture), steered(tiny(base), folder, picture))


def test_vae_alone_equals_the_plain_call(tiny, vae_file):
    file = vae_file("sd_other_vae")
    vae = AutoencoderKL.from_single_file(str(file), config=str(tiny("sd_other_vae")), subfolder="vae")
    pipe = StableDiffusionPipeline.from_pretrained(tiny("sd"), vae=vae)
    assert np.array_equal(painted(tiny("sd"), file, load), by_hand(pipe))


def test_controlnet_alone_equals_the_plain_call(tiny, net_file, picture):
    file = net_file("controlnet_canny")
    net = ControlNetModel.from_single_file(str(file), config=str(tiny("controlnet_canny")))
    pipe = StableDiffusionControlNetPipeline.from_pretrained(tiny("sd"), controlnet=net)
    found = steered(tiny("sd"), file, picture, load)
    assert np.array_equal(found, by_hand(pipe, image=picture, height=64, width=64))


def by_hand(pipe, **more):
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(5)
    return np.asarray(pipe("a red circle", num_inference_steps=3, generator=generator, **more).images[0])


def test_folder_and_file_of_a_vae_are_loaded_once(tiny, vae_file):
    graph = gf.Graph()
    graph.checkpoint("mixed", str(tiny("sd")), components={"vae": str(vae_file("sd_other_vae"))})
    one = graph.add("text2img", checkpoint="mixed", **CALL)
    graph.output(image=graph.add("img2img", checkpoint=str(tiny("sd_other_vae")), image=one.latents, prompt="x").image)
    assert not graph.check().problems
    assert len({step.uses["vae"].identity for step in graph.plan().steps if "vae" in step.uses}) == 1


def test_vae_alone_has_the_scaling_factor_of_the_family_that_it_becomes_a_part_of(tiny, vae_file):
    graph = gf.Graph()
    graph.checkpoint("xl", str(tiny("sdxl")), components={"vae": str(vae_file("sdxl"))})
    graph.output(image=graph.add("text2img", checkpoint="xl", **CALL).image)
    assert not graph.check().problems
    (own,) = {step.uses["vae"].identity for step in graph.plan().steps if "vae" in step.uses}
    assert own == read_checkpoint("x", tiny("sdxl")).component("vae").identity


def test_vae_and_controlnet_are_found_in_the_models_folder(tiny, vae_file, net_file, picture, monkeypatch):
    file, net = vae_file("sd_other_vae"), net_file("controlnet_canny")
    monkeypatch.setenv(MODELS_VARIABLE, str(file.parent))
    assert np.array_equal(painted(tiny("sd"), "vae.safetensors"), painted(tiny("sd"), file))
    found = steered(tiny("sd"), "net.safetensors", picture)
    assert np.array_equal(found, steered(tiny("sd"), net, picture))


def problems_of(call):
    with pytest.raises(gf.InvalidGraph) as caught:
        call()
    return caught.value.problems


def test_vae_that_lacks_a_tensor_is_refused_at_its_place(tiny, vae_file):
    file = vae_file("sd_other_vae")
    tensors = load_file(file)
    del tensors["decoder.norm_out.bias"]
    save_file(tensors, file)
    (problem,) = problems_of(lambda: painted(tiny("sd"), file))
    assert problem.code == "checkpoint-broken"
    assert "tensors of the vae of" in problem.message
    assert problem.why == "its files do not hold decoder.conv_norm_out.bias"


def test_controlnet_that_lacks_a_tensor_is_refused(tiny, net_file, picture):
    file = net_file("controlnet_canny")
    tensors = load_file(file)
    del tensors["middle_block_out.0.bias"]
    save_file(tensors, file)
    (problem,) = problems_of(lambda: steered(tiny("sd"), file, picture))
    assert problem.why == "its files do not hold controlnet_mid_block.bias"


def test_controlnet_is_no_vae_and_a_vae_no_checkpoint(tiny, vae_file, net_file, picture):
    file, net = vae_file("sd_other_vae"), net_file("controlnet_canny")
    (problem,) = problems_of(lambda: painted(tiny("sd"), net))
    assert (problem.code, "ControlNetModel" in problem.why) == ("wrong-part", True)
    (problem,) = problems_of(lambda: steered(tiny("sd"), file, picture))
    assert "it is AutoencoderKL" in problem.why
    graph = gf.Graph()
    graph.add("text2img", checkpoint=str(file), **CALL)
    (problem,) = graph.check().problems
    assert "it is AutoencoderKL" in problem.why
