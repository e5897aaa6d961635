"""Components that differ are never one: weights exchanged between tensors of one shape, tokenizers with other words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

import graphflow as gf
from graphflow.checkpoints.components import ComponentFiles
from graphflow_nodes.single_files import reader
from graphflow_nodes.single_files.published import Published
from tests.shipped import CLASSES, read_checkpoint
from tests.tiny import parts

_UNET, _TEXT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1", "encoder.layers.0.self_attn"
EXCHANGED = {
    ("sd", "unet"): (f"{_UNET}.to_q.weight", f"{_UNET}.to_k.weight"),
    ("sd", "vae"): ("encoder.mid_block.attentions.0.to_q.bias", "encoder.mid_block.attentions.0.to_k.bias"),
    ("sd", "text_encoder"): (f"{_TEXT}.q_proj.weight", f"{_TEXT}.k_proj.weight"),
    ("sdxl", "text_encoder_2"): (f"text_model.{_TEXT}.v_proj.bias", f"text_model.{_TEXT}.k_proj.bias"),
    ("sd_old", "unet"): (f"{_UNET}.to_q.weight", f"{_UNET}.to_k.weight"),
    ("sd_old", "vae"): ("decoder.mid_block.attentions.0.query.weight", "decoder.mid_block.attentions.0.value.weight"),
    ("sd_old", "text_encoder"): (f"text_model.{_TEXT}.q_proj.weight", f"text_model.{_TEXT}.k_proj.weight"),
}
_LDM = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1"
_CLIP = "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn"
IN_FILE = {
    "unet": (f"{_LDM}.to_q.weight", f"{_LDM}.to_k.weight"),
    "vae": ("first_stage_model.encoder.mid.attn_1.q.weight", "first_stage_model.encoder.mid.attn_1.k.weight"),
    "text_encoder": (f"{_CLIP}.q_proj.weight", f"{_CLIP}.k_proj.weight"),
}


def exchange(file: Path, names: tuple[str, str]) -> None:
    """Give two tensors of a file each other's values."""
    tensors = load_file(file)
    one, other = names
    assert tensors[one].shape == tensors[other].shape
    tensors[one], tensors[other] = tensors[other], tensors[one]
    save_file(tensors, file, {"format": "pt"})


@pytest.fixture
def tiny_single(tiny, monkeypatch):
    """Single files have the sizes of the tiny folders."""
    found = read_checkpoint("tiny", tiny("sd"))
    configs = {role: files.config for role, files in found.components.items()}
    published = Published("tiny", found.class_name, configs, found.flags, parts.bpe)
    monkeypatch.setattr(reader, "published", lambda *_: published)


@pytest.mark.parametrize(("name", "role"), EXCHANGED)
def test_component_of_a_folder_with_two_tensors_exchanged_is_another(name, role, tiny, tmp_path):
    folder = shutil.copytree(tiny(name), tmp_path / name)
    (file,) = (folder / role).glob("*.safetensors")
    exchange(file, EXCHANGED[name, role])
    ours, theirs = (read_checkpoint("x", one).components[role] for one in (tiny(name), folder))
    assert ours.weights_digest != theirs.weights_digest
    assert ours.identity != theirs.identity


@pytest.mark.parametrize("role", IN_FILE)
@pytest.mark.usefixtures("tiny_single")
def test_component_of_a_single_file_with_two_tensors_exchanged_is_another(role, tiny, tmp_path):
    file = Path(shutil.copy(tiny("sd_single"), tmp_path / "x.safetensors"))
    exchange(file, IN_FILE[role])
    ours, theirs = (read_checkpoint("x", one).components for one in (tiny("sd_single"), file))
    assert [one for one in ours if ours[one].identity != theirs[one].identity] == [role]


@pytest.mark.usefixtures("tiny_single")
def test_the_same_exchange_in_three_layouts_is_the_same_component(tiny, tmp_path):
    found = []
    for name, names in (("sd", EXCHANGED["sd", "unet"]), ("sd_old", EXCHANGED["sd_old", "unet"])):
        folder = shutil.copytree(tiny(name), tmp_path / name)
        (file,) = (folder / "unet").glob("*.safetensors")
        exchange(file, names)
        found.append(read_checkpoint("x", folder).components["unet"].identity)
    file = Path(shutil.copy(tiny("sd_single"), tmp_path / "x.safetensors"))
    exchange(file, IN_FILE["unet"])
    found.append(read_checkpoint("x", file).components["unet"].identity)
    assert len(set(found)) == 1


def graph_of(source: Path, prompt: str) -> gf.Graph:
    graph = gf.Graph()
    stage = graph.add("text2img", checkpoint=str(source), prompt=prompt, num_inference_steps=2, seed=1)
    graph.output(image=stage.image)
    return graph


def test_one_engine_paints_with_each_unet_what_it_paints_alone(tiny, tmp_path):
    folder = shutil.copytree(tiny("sd"), tmp_path / "sd")
    (file,) = (folder / "unet").glob("*.safetensors")
    exchange(file, EXCHANGED["sd", "unet"])
    graphs = [graph_of(source, "a cat") for source in (tiny("sd"), folder)]
    alone = [gf.run(graph)["image"].array for graph in graphs]
    with gf.Engine() as engine:
        together = [engine.run(graph)["image"].array for graph in graphs]
    assert not np.array_equal(*alone)
    assert all(map(np.array_equal, alone, together))


@pytest.fixture
def with_a_word(tiny, tmp_path) -> Path:
    """The tiny checkpoint with a word of its own, as textual inversion leaves it."""
    folder = shutil.copytree(tiny("sd"), tmp_path / "word")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    model = CLIPTextModel.from_pretrained(folder / "text_encoder")
    tokenizer.add_tokens("<cat>")
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    tokenizer.save_pretrained(folder / "tokenizer")
    model.save_pretrained(folder / "text_encoder")
    return folder


@pytest.mark.parametrize("order", [1, -1])
def test_checkpoint_with_a_word_of_its_own_keeps_its_tokenizer_beside_its_base(order, tiny, with_a_word):
    graphs = [graph_of(source, "a <cat> of a house") for source in (tiny("sd"), with_a_word)][::order]
    alone = [gf.run(graph)["image"].array for graph in graphs]
    with gf.Engine() as engine:
        together = [engine.run(graph)["image"].array for graph in graphs]
    assert all(map(np.array_equal, alone, together))


@pytest.mark.parametrize(
    ("role", "setting"),
    [
        ("text_encoder", {"use_attention_mask": True}),
        ("text_encoder", {"attn_implementation": "eager"}),
        ("text_encoder", {"_attn_implementation": "eager"}),
        ("text_encoder", {"eos_token_id": 547}),
        ("unet", {"act_fn": "gelu"}),
        ("unet", {"flip_sin_to_cos": False, "_use_default_values": []}),
        ("vae", {"shift_factor": 0.1}),
    ],
)
def test_setting_that_changes_numbers_changes_the_identity(role, setting, tiny, tmp_path):
    assert with_setting(role, setting, tiny, tmp_path) != read_checkpoint("x", tiny("sd")).components[role].identity


@pytest.mark.parametrize(
    ("role", "setting"),
    [
        ("text_encoder", {"dropout": 0.0, "_name_or_path": "x", "transformers_version": "4.22.0", "torch_dtype": "f"}),
        ("unet", {"_name_or_path": "x", "sample_size": 9, "no_setting": 1}),
        ("unet", {"flip_sin_to_cos": False, "_use_default_values": ["flip_sin_to_cos"]}),
    ],
)
def test_setting_that_changes_no_number_keeps_the_identity(role, setting, tiny, tmp_path):
    assert with_setting(role, setting, tiny, tmp_path) == read_checkpoint("x", tiny("sd")).components[role].identity


def with_setting(role, setting, tiny, tmp_path) -> str:
    folder = shutil.copytree(tiny("sd"), tmp_path / "x")
    config = json.loads((folder / role / "config.json").read_text())
    (folder / role / "config.json").write_text(json.dumps(config | setting))
    return read_checkpoint("x", folder).components[role].identity


def test_default_for_a_setting_that_was_not_given_is_diffusers(tiny, tmp_path):
    config = json.loads((tiny("sd") / "unet" / "config.json").read_text())
    config |= {"norm_eps": 0.5, "cross_attention_dim": 8, "_use_default_values": ["norm_eps", "cross_attention_dim"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    built = UNet2DConditionModel.from_config(config | {"block_out_channels": [4] * 4, "norm_num_groups": 1}).config
    found = ComponentFiles(
        "unet", "diffusers", "UNet2DConditionModel", tmp_path, model=CLASSES["UNet2DConditionModel"]
    ).full_config
    assert {key: found[key] for key in config["_use_default_values"]} == {
        key: built[key] for key in config["_use_default_values"]
    }
