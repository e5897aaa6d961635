"""Weights are read from the files that the libraries look for: their names, variants, shards and the index of these."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphflow_nodes.models.defaults import class_defaults
from tests.checkpoints.test_checkpoint import safetensors
from tests.shipped import CLASSES, read_checkpoint

CONFIG = {"hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 2, "num_attention_heads": 1, "vocab_size": 3}
SHAPES = CLASSES["CLIPTextModel"].tensors(class_defaults()["CLIPTextModel"] | CONFIG) or {}


def text_encoder(folder: Path, **config: Any) -> Path:
    (folder / "config.json").write_text(json.dumps({"architectures": ["CLIPTextModel"], **CONFIG, **config}))
    return folder


def faults(folder: Path) -> list[tuple[str, str]]:
    return [(one.message, one.why) for one in read_checkpoint("text", folder).components[""].faults]


def write_shards(folder: Path, stem: str = "model") -> Mapping[str, str]:
    """Two files with half of the tensors each, and their index."""
    names = list(SHAPES)
    places = {}
    for number, own in ((1, names[:9]), (2, names[9:])):
        file = f"{stem}-{number:05}-of-00002.safetensors"
        (folder / file).write_bytes(safetensors(**{name: SHAPES[name] for name in own}))
        places |= dict.fromkeys(own, file)
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return places


def test_one_file_and_shards_hold_the_same(tmp_path: Path) -> None:
    for name in ("one", "several"):
        (tmp_path / name).mkdir()
        text_encoder(tmp_path / name)
    (tmp_path / "one" / "model.safetensors").write_bytes(safetensors(**SHAPES))
    write_shards(tmp_path / "several")
    one, several = (read_checkpoint(name, tmp_path / name).components[""] for name in ("one", "several"))
    assert one.faults == several.faults == ()
    assert one.identity == several.identity


def test_missing_shard_is_told_by_its_name(tmp_path: Path) -> None:
    write_shards(text_encoder(tmp_path))
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    why = f"model.safetensors.index.json says that it holds {len(SHAPES) - 9} of {len(SHAPES)} tensors"
    assert faults(tmp_path) == [("the text has no model-00002-of-00002.safetensors", why)]


def test_shards_without_an_index_are_told(tmp_path: Path) -> None:
    write_shards(text_encoder(tmp_path))
    (tmp_path / "model.safetensors.index.json").unlink()
    assert [message for message, _ in faults(tmp_path)] == ["the text has no model.safetensors.index.json"]


def test_whole_file_is_read_beside_shards_without_an_index(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderTiny"}))
    for name in ("", "-00001-of-00002", "-00002-of-00002"):
        (tmp_path / f"diffusion_pytorch_model{name}.safetensors").write_bytes(safetensors(a=(4,)))
    found = read_checkpoint("vae", tmp_path).components[""]
    assert found.faults == ()
    assert [path.name for path in found.weights] == ["diffusion_pytorch_model.safetensors"]


@pytest.mark.parametrize("index", ["safetensors.index.fp16.json", "safetensors.fp16.index.json"])
@pytest.mark.parametrize("shard", [".fp16-0000{}-of-00002", "-0000{}-of-00002.fp16"])
def test_shards_of_a_variant_may_have_the_names_of_either_version_of_diffusers(
    shard: str, index: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderTiny"}))
    names = {
        tensor: f"diffusion_pytorch_model{shard.format(number)}.safetensors" for number, tensor in ((1, "a"), (2, "b"))
    }
    for tensor, name in names.items():
        (tmp_path / name).write_bytes(safetensors(**{tensor: (4,)}))
    (tmp_path / f"diffusion_pytorch_model.{index}").write_text(json.dumps({"weight_map": names}))
    found = read_checkpoint("vae", tmp_path).components[""]
    assert found.faults == ()
    assert sorted(path.name for path in found.weights) == sorted(names.values())


@pytest.mark.parametrize("content", ["[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}', "\x00"])
def test_broken_index_is_told(content: str, tmp_path: Path) -> None:
    write_shards(text_encoder(tmp_path))
    (tmp_path / "model.safetensors.index.json").write_text(content)
    ((message, _),) = faults(tmp_path)
    assert message == f"{tmp_path.name}/model.safetensors.index.json cannot be read"


def test_weights_under_another_name_are_told_with_the_right_one(tmp_path: Path) -> None:
    (text_encoder(tmp_path) / "weights.safetensors").write_bytes(safetensors(**SHAPES))
    (fault,) = read_checkpoint("text", tmp_path).components[""].faults
    assert fault.message == "the weight file of the text has the wrong name"
    assert fault.fix == "rename it to model.safetensors"


def test_files_that_no_library_looks_for_do_not_count(tmp_path: Path) -> None:
    (text_encoder(tmp_path) / "model.safetensors").write_bytes(safetensors(**SHAPES))
    (tmp_path / "other.safetensors").write_bytes(safetensors(**SHAPES))
    found = read_checkpoint("text", tmp_path).components[""]
    assert found.faults == ()
    assert [path.name for path in found.weights] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "its config names bitsandbytes"),
        ({"quant_method": "quanto"}, "its config names quanto"),
        ({"quant_method": "gguf"}, "its config names gguf"),
        ({"bits": 4}, "its config names a quantization_config"),
        ("odd", "its config names a quantization_config"),
    ],
)
def test_quantized_weights_are_told(told: object, why: str, tmp_path: Path) -> None:
    (text_encoder(tmp_path, quantization_config=told) / "model.safetensors").write_bytes(safetensors(a=(4,)))
    ((message, found),) = faults(tmp_path)
    assert message == "the weights of the text are quantized"
    assert found.startswith(why)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            {"num_hidden_layers": 10**9},
            "num_hidden_layers is 1000000000, but must be a whole number from 1 to 1,000",
        ),
        ({"num_hidden_layers": -1}, "num_hidden_layers is -1"),
        ({"num_hidden_layers": True}, "num_hidden_layers is true"),
        ({"hidden_size": "768"}, 'hidden_size is "768"'),
        ({"hidden_size": None}, "hidden_size is null"),
        ({"vocab_size": 10**12}, "vocab_size is 1000000000000"),
        ({"num_attention_heads": 3}, "hidden_size is 4, but num_attention_heads 3 does not divide it"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is NaN"),
        ({"hidden_act": "x"}, 'hidden_act is "x"'),
        ({"dtype": [1, 2]}, "dtype is [1, 2]"),
    ],
)
def test_config_that_no_model_can_have_is_told(config: Mapping[str, Any], told: str, tmp_path: Path) -> None:
    (text_encoder(tmp_path, **config) / "model.safetensors").write_bytes(safetensors(**SHAPES))
    ((message, why),) = faults(tmp_path)
    assert message == "the config of the text does not describe a CLIPTextModel"
    assert why.startswith(told)


def test_config_of_more_tensors_than_any_model_has_is_told_at_once(tmp_path: Path) -> None:
    config = {"block_out_channels": [32] * 64, "layers_per_block": 1000, "down_block_types": ["DownBlock2D"] * 64,
              "up_block_types": ["UpBlock2D"] * 64}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel", **config}))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(safetensors(a=(4,)))
    ((_, why),) = faults(tmp_path)
    assert why == "it describes more than 50,000 tensors"
