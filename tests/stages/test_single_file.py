"""A checkpoint that is one .safetensors file paints what its folder paints, of the same components."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

import graphflow as gf
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow.checkpoints.placed import Placed
from graphflow.execute.loader import load
from graphflow_nodes.models.clip_tokenizer import TokenizerPart
from graphflow_nodes.models.clip_vocabulary import clip_vocabulary
from graphflow_nodes.models.vae import latent_space
from graphflow_nodes.single_files import reader
from graphflow_nodes.single_files.published import Published
from graphflow_nodes.single_files.published import published as really_published
from tests.shipped import CLASSES, read_checkpoint
from tests.tiny import layouts, parts

SD2_TOKENIZER = really_published("sd2", "base").configs["tokenizer"]
ROLES = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@pytest.fixture(autouse=True)
def tiny_configs(tiny, monkeypatch):
    """The published configs are those of the tiny folders, whose sizes the tiny files have."""
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)

    def published(family: str, variant: str) -> Published:
        folder = tiny({"base": "sd", "v": "sd_v", "inpaint": "sd_inpaint"}[variant])
        found = read_checkpoint("tiny", folder)
        configs = {role: files.config for role, files in found.components.items()}
        return Published("tiny", found.class_name, configs, found.flags, parts.bpe)

    monkeypatch.setattr(reader, "published", published)


def aligned(component):
    """Load a component into memory that torch gives out.

    On a CPU the last bits of a result depend on where weights begin in memory, and weights that are read from a
    file begin where its header ends: plain diffusers paints a folder and a file that hold the same weights up to
    one grey level apart. What is compared across files is therefore loaded by this.
    """
    model = load(component)
    for weight in model.parameters() if isinstance(model, torch.nn.Module) else ():
        weight.data = weight.data.clone()
    return model


def run(graph, loader=aligned, **inputs):
    with gf.Engine(loader=loader) as engine:
        return engine.run(graph, inputs=inputs)


def text2img(source, loader=aligned, **params):
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(source), prompt="a red circle", num_inference_steps=3, **params)
    graph.output(image=stage.image)
    return run(graph, loader)["image"].array


def inpaint(source, image, mask, loader=aligned):
    graph = gf.Graph()
    given, drawn = graph.input("image", "image"), graph.input("mask", "mask")
    call = {"checkpoint": str(source), "prompt": "a cat", "num_inference_steps": 3, "seed": 2}
    graph.output(image=graph.add("inpaint", image=given, mask=drawn, **call).image)
    return run(graph, loader, image=image, mask=mask)["image"].array


def plain_single(kind, file, folder, *arguments, seed, **options):
    """What plain diffusers paints from the file."""
    pipe = kind.from_single_file(
        str(file), config=str(folder), safety_checker=None, feature_extractor=None, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    call = {"num_inference_steps": 3, "height": 64, "width": 64, "generator": torch.Generator().manual_seed(seed)}
    return np.asarray(pipe(*arguments, **call, **options).images[0])


@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "sd_v"])
def test_every_component_is_that_of_the_folder(tiny, name):
    folder, single = read_checkpoint(name, tiny(name)), read_checkpoint(name, tiny(f"{name}_single"))
    assert single.class_name == folder.class_name
    for role in ROLES:
        assert single.components[role].identity == folder.components[role].identity, role
    assert latent_space(single.components["vae"]) == latent_space(folder.components["vae"])


@pytest.mark.parametrize("name", ["sd", "sd_v"])
def test_text2img_equals_the_plain_call_and_the_folders_picture(tiny, name):
    folder, file = tiny(name), tiny(f"{name}_single")
    expected = plain_single(StableDiffusionPipeline, file, folder, "a red circle", seed=5)
    assert np.array_equal(text2img(file, load, seed=5), expected)
    assert np.array_equal(text2img(file, seed=5), text2img(folder, seed=5))


def test_inpaint_equals_the_plain_call_and_the_folders_picture(tiny, picture, mask):
    folder, file = tiny("sd_inpaint"), tiny("sd_inpaint_single")
    given = {"image": picture, "mask_image": mask}
    expected = plain_single(StableDiffusionInpaintPipeline, file, folder, "a cat", seed=2, **given)
    assert np.array_equal(inpaint(file, picture, mask, load), expected)
    assert np.array_equal(inpaint(file, picture, mask), inpaint(folder, picture, mask))


def test_old_folder_new_folder_and_single_file_share_their_components(tiny):
    """One VAE and one text encoder for Stable Diffusion with old names, saved anew, and as one file."""
    counts: Counter[str] = Counter()

    def loader(component):
        counts[component.spec.files.role] += 1
        return load(component)

    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(tiny("sd_old")), prompt="a cat", num_inference_steps=2)
    for name in ("sd", "sd_single"):
        call = {"checkpoint": str(tiny(name)), "prompt": "a dog", "num_inference_steps": 3}
        stage = graph.add("img2img", image=stage.image, **call)
    graph.output(image=stage.image)
    with gf.Engine(loader=loader) as engine:
        engine.run(graph)
    assert counts == {"unet": 1, "vae": 1, "text_encoder": 1, "tokenizer": 1}


def test_inpainting_file_shares_all_but_its_unet(tiny):
    whole, inpaint = (read_checkpoint(name, tiny(name)).components for name in ("sd_single", "sd_inpaint_single"))
    assert [role for role in ROLES if whole[role].identity != inpaint[role].identity] == ["unet"]


def test_half_precision_file_is_its_half_precision_folder(tiny, tmp_path):
    tensors = {
        name: one.half() if one.is_floating_point() else one for name, one in load_file(tiny("sd_single")).items()
    }
    save_file(tensors, tmp_path / "half.safetensors")
    file, folder = (read_checkpoint("x", one) for one in (tmp_path / "half.safetensors", tiny("sd_fp16")))
    for role in ROLES:
        assert file.components[role].identity == folder.components[role].identity, role
    for role in ROLES[:3]:
        mine, theirs = load(file.component(role)).state_dict(), load(folder.component(role)).state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())


def test_averages_losses_and_schedules_beside_the_tensors_change_nothing(tiny, tmp_path):
    tensors = load_file(tiny("sd_single"))
    unet = "model.diffusion_model."
    averages = {
        f"model_ema.{name.removeprefix('model.').replace('.', '')}": one + 1
        for name, one in tensors.items()
        if name.startswith(unet)
    }
    rubbish = {"first_stage_model.loss.logvar": torch.zeros(()), "cond_stage_model.logit_scale": torch.zeros(())}
    save_file(tensors | averages | rubbish, tmp_path / "full.safetensors")
    full, lean = read_checkpoint("x", tmp_path / "full.safetensors"), read_checkpoint("x", tiny("sd_single"))
    for role in ROLES:
        assert full.components[role].identity == lean.components[role].identity, role


def test_text_encoder_without_its_inner_prefix_is_read(tiny, tmp_path):
    """Some merged files leave `text_model.` out."""
    tensors = {name.replace(".text_model.", "."): one for name, one in load_file(tiny("sd_single")).items()}
    save_file(tensors, tmp_path / "short.safetensors")
    assert np.array_equal(text2img(tmp_path / "short.safetensors", seed=1), text2img(tiny("sd"), seed=1))


def test_stage_runs_with_a_file_found_in_the_models_folder(tiny, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    shutil.copy(tiny("sd_single"), tmp_path / "models" / "my-model.safetensors")
    monkeypatch.setenv(MODELS_VARIABLE, f"{tmp_path / 'none'}:{tmp_path / 'models'}")
    assert np.array_equal(text2img("my-model.safetensors", seed=3), text2img(tiny("sd"), seed=3))


@pytest.fixture
def stripped(tiny, tmp_path) -> Path:
    """The file without its VAE, and a graph beside it."""
    tensors = load_file(tiny("sd_single"))
    save_file({name: one for name, one in tensors.items() if not name.startswith("first_")}, tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


def graph_with(folder: Path, checkpoints: str, name: str = "graph.yaml") -> Path:
    graph = folder / name
    graph.write_text(
        "graphflow: 1\n"
        f"checkpoints:\n  base: {checkpoints}\n"
        "nodes:\n  paint: {type: text2img, checkpoint: base, prompt: a cat, num_inference_steps: 2, seed: 1}\n"
    )
    return graph


def test_file_without_a_vae_is_refused_with_the_vae_as_the_fix(stripped):
    with pytest.raises(gf.GraphflowError) as caught:
        gf.run(gf.load(graph_with(stripped.parent, "{source: ./a.safetensors}")))
    assert "it has no vae" in str(caught.value)
    assert "components: {vae: ./other}" in str(caught.value)


@pytest.mark.parametrize("part", ["", "/vae"])
def test_file_without_a_vae_takes_that_of_another_checkpoint(tiny, stripped, part):
    graph = graph_with(
        stripped.parent, json.dumps({"source": "./a.safetensors", "components": {"vae": f"{tiny('sd')}{part}"}})
    )
    whole = graph_with(stripped.parent, f"{{source: {tiny('sd')}}}", "whole.yaml")
    assert np.array_equal(*(run(gf.load(one))["paint"].array for one in (graph, whole)))


LACKING = {
    "model.diffusion_model.middle_block.0.in_layers.0.weight": "mid_block.resnets.0.norm1.weight",
    "model.diffusion_model.output_blocks.2.1.conv.bias": "up_blocks.0.upsamplers.0.conv.bias",
    "first_stage_model.decoder.mid.attn_1.q.weight": "decoder.mid_block.attentions.0.to_q.weight",
    "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc1.bias": "encoder.layers.1.mlp.fc1.bias",
}


@pytest.mark.parametrize("name", LACKING)
def test_file_that_lacks_a_tensor_is_told_with_what_its_class_calls_it(tiny, tmp_path, name):
    tensors = load_file(tiny("sd_single"))
    del tensors[name]
    save_file(tensors, tmp_path / "holed.safetensors")
    with pytest.raises(gf.InvalidGraph, match=r"tensors of the .* is missing") as caught:
        text2img(tmp_path / "holed.safetensors")
    assert [problem.why for problem in caught.value.problems] == [f"its files do not hold {LACKING[name]}"]


def test_part_of_a_file_takes_the_place_of_anothers(tiny, tmp_path):
    shutil.copy(tiny("sd_single"), tmp_path / "one.safetensors")
    graph = graph_with(
        tmp_path, json.dumps({"source": str(tiny("sd_other_vae")), "components": {"vae": "./one.safetensors"}})
    )
    whole = graph_with(tmp_path, f"{{source: {tiny('sd')}}}", "whole.yaml")
    assert np.array_equal(*(run(gf.load(one))["paint"].array for one in (graph, whole)))


def xl_parts() -> dict[str, torch.nn.Module]:
    """Random components of Stable Diffusion XL's structure in a few channels."""
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        cross_attention_dim=40,
        attention_head_dim=(1, 2, 2),
        use_linear_projection=True,
        norm_num_groups=4,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=72,
    )
    sizes = {"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 100}
    wide = CLIPTextConfig(hidden_size=24, projection_dim=24, hidden_act="gelu", **sizes)
    return {
        "unet": unet.eval(),
        "vae": parts.vae(3, scaling_factor=0.13025),
        "text_encoder": parts.text_encoder(4),
        "text_encoder_2": CLIPTextModelWithProjection(wide).eval(),
    }


def test_every_part_of_an_xl_file_is_that_of_a_folder(tmp_path, monkeypatch):
    models = xl_parts()
    for role, model in models.items():
        model.save_pretrained(tmp_path / role)
    states = {role: model.state_dict() for role, model in models.items()}
    texts = {"xl_clip": layouts.old_text_encoder(states["text_encoder"])}
    texts["xl_open_clip"] = layouts.open_clip(states["text_encoder_2"])
    save_file(layouts.single_file(states["unet"], states["vae"], **texts), tmp_path / "xl.safetensors")

    folders = {
        role: ComponentFiles(role, "", type(model).__name__, tmp_path / role, model=CLASSES[type(model).__name__])
        for role, model in models.items()
    }
    configs = {role: files.config for role, files in folders.items()}
    xl = Published("tiny XL", "StableDiffusionXLPipeline", configs)
    monkeypatch.setattr(reader, "published", lambda family, variant: {"sdxl base": xl}[f"{family} {variant}"])
    file = read_checkpoint("x", tmp_path / "xl.safetensors")
    assert file.class_name == "StableDiffusionXLPipeline"
    for role, files in folders.items():
        assert file.components[role].identity == files.identity, role
        state = load(file.component(role)).state_dict()
        assert state.keys() == states[role].keys()
        assert all(torch.equal(tensor, states[role][name]) for name, tensor in state.items()), role


def test_tokenizer_of_a_real_file_is_clips(tmp_path):
    part = TokenizerPart(
        "tokenizer",
        "transformers",
        "CLIPTokenizer",
        tmp_path / "x",
        settings=SD2_TOKENIZER,
        vocabulary=clip_vocabulary,
        model=CLASSES["CLIPTokenizer"],
    )
    tokenizer = load(Placed(part).component)
    given = tokenizer("A photo of a café, please!", padding="max_length", max_length=12).input_ids
    # As the published folder's tokenizer answers: "!" is the pad token, and so is a token of its own in texts, too.
    assert given == [49406, 320, 1125, 539, 320, 15304, 267, 1474, 0, 49407, 0, 0]
