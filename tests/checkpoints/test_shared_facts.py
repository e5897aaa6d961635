"""What is read of a checkpoint is shared by all who read it: nobody can change it, and nothing waits for a file."""

from __future__ import annotations

import copy
import json
import operator
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphflow.checkpoints import embedded
from graphflow.checkpoints.components import ComponentFiles, read_json
from graphflow.document.model import Document
from graphflow.document.refusal import Refusal
from graphflow_nodes.models.clip import CLIP_TOKENIZER
from graphflow_nodes.models.clip_vocabulary import clip_vocabulary
from graphflow_nodes.models.defaults import class_defaults
from graphflow_nodes.models.vae import AUTOENCODER_KL
from graphflow_nodes.single_files.published import published
from tests.shipped import read_checkpoint, reader
from tests.tiny import make


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make("sd_old", tmp_path_factory.mktemp("tiny"))


def test_identity_of_a_tokenizer_leaves_its_config_as_the_file_has_it(tiny, tmp_path):
    """special_tokens_map.json says another pad token; the published Stable Diffusion 2 has it only there."""
    folder = shutil.copytree(tiny / "tokenizer", tmp_path / "tokenizer")
    (folder / "special_tokens_map.json").write_text('{"pad_token": "!"}')
    written = json.loads((folder / "tokenizer_config.json").read_text())
    first, second = (
        ComponentFiles("tokenizer", "transformers", "CLIPTokenizer", folder, model=CLIP_TOKENIZER) for _ in "ab"
    )
    assert first.identity == second.identity
    assert first.config == second.config == read_json(folder / "tokenizer_config.json") == written


def unet_of(tiny: Path) -> ComponentFiles:
    return read_checkpoint("x", tiny).components["unet"]


SHARED: dict[str, Callable[[Path], Any]] = {
    "a JSON file": lambda tiny: read_json(tiny / "unet" / "config.json"),
    "a list in it": lambda tiny: read_json(tiny / "unet" / "config.json")["block_out_channels"],
    "a config": lambda tiny: unet_of(tiny).config,
    "a full config": lambda tiny: unet_of(tiny).full_config,
    "a list of a default": lambda tiny: ComponentFiles("", "", "AutoencoderKL", tiny, model=AUTOENCODER_KL).full_config[
        "down_block_types"
    ],
    "components": lambda tiny: read_checkpoint("x", tiny).components,
    "flags": lambda tiny: read_checkpoint("x", tiny).flags,
    "a header": lambda tiny: unet_of(tiny).headers[0].tensors,
    "what a file says of itself": lambda tiny: unet_of(tiny).headers[0].metadata,
    "defaults of a class": lambda tiny: class_defaults()["AutoencoderKL"],
    "a published config": lambda tiny: published("sd15", "base").configs["unet"]["block_out_channels"],
    "a vocabulary": lambda tiny: clip_vocabulary()[0],
    "merges": lambda tiny: clip_vocabulary()[1],
}
WAYS: dict[str, Callable[[Any], object]] = {
    "set": lambda value: value.__setitem__(next(iter(value)) if hasattr(value, "keys") else 0, 1),
    "delete": lambda value: value.__delitem__(next(iter(value)) if hasattr(value, "keys") else 0),
    "add": lambda value: value.update(a=1) if hasattr(value, "keys") else value.append(1),
    "join": lambda value: operator.ior(value, {"a": 1}) if hasattr(value, "keys") else operator.iadd(value, [1]),
    "pop": lambda value: value.pop(next(iter(value)) if hasattr(value, "keys") else 0),
    "clear": lambda value: value.clear(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SHARED)
def test_shared_value_cannot_be_changed(name, way, tiny):
    before = list(SHARED[name](tiny))
    with pytest.raises((TypeError, AttributeError)):
        WAYS[way](SHARED[name](tiny))
    assert list(SHARED[name](tiny)) == before


def test_copy_of_a_shared_value_is_ones_own(tiny):
    shared = read_json(tiny / "unet" / "config.json")
    own = copy.deepcopy(shared)
    own["block_out_channels"].append(1)
    own |= {"a": 1}
    assert json.dumps(shared) == json.dumps(json.loads((tiny / "unet" / "config.json").read_text()))


PLACES = ["unet/config.json", "unet/diffusion_pytorch_model.safetensors", "model_index.json", "vae/notes.txt"]


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a pipe"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("in_time")
def test_checkpoint_that_holds_a_pipe_or_a_device_is_refused_and_not_waited_for(place, kind, tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "sd")
    (folder / place).unlink(missing_ok=True)
    if kind == "device":
        (folder / place).symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe")
        (folder / place).symlink_to(tmp_path / "pipe") if "link" in kind else (tmp_path / "pipe").rename(folder / place)
    with pytest.raises(Refusal) as caught:
        read_checkpoint("./sd", folder)
    what = kind.split()[-1]
    assert (caught.value.code, caught.value.message) == ("checkpoint-broken", f"./sd holds a {what}")
    assert caught.value.why == f"{Path(place).name} is a {what}, and reading it could block forever"


@pytest.mark.usefixtures("in_time")
def test_pipe_in_the_place_of_a_checkpoint_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(Refusal) as caught:
        read_checkpoint("./a.safetensors", tmp_path / "a.safetensors")
    assert caught.value.message == "./a.safetensors is a pipe"


def test_link_that_leads_nowhere_or_round_matters_to_nobody(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "sd")
    (folder / "nowhere").symlink_to("none")
    (folder / "round").symlink_to("round")
    assert read_checkpoint("./sd", folder).components.keys() == read_checkpoint("x", tiny).components.keys()


@pytest.fixture
def own_package(tiny, tmp_path, monkeypatch) -> Path:
    """A package of embedded checkpoints with one of two tokenizers."""
    package = tmp_path / "package"
    (package / "checkpoints").mkdir(parents=True)
    components = {"tokenizer": "words", "tokenizer_2": "words", "unet": "unet", "scheduler": "scheduler"}
    for role, name in components.items():
        if not (package / "components" / name).exists():
            shutil.copytree(tiny / role, package / "components" / name)
    told = {"class": "StableDiffusionXLPipeline", "components": components}
    (package / "checkpoints" / "mine.json").write_text(json.dumps(told))
    monkeypatch.setattr(embedded, "folder", lambda: package)
    return package


def test_embedded_checkpoint_of_two_tokenizers_knows_both(own_package):
    found = reader().read("embedded/mine", Document(), own_package).components
    assert {role: (files.library, files.class_name) for role, files in found.items()} == {
        "tokenizer": ("transformers", "CLIPTokenizer"),
        "tokenizer_2": ("transformers", "CLIPTokenizer"),
        "unet": ("diffusers", "UNet2DConditionModel"),
        "scheduler": ("diffusers", "PNDMScheduler"),
    }
    assert found["tokenizer"].identity == found["tokenizer_2"].identity


@pytest.mark.parametrize("content", ["{}", '{"architectures": []}', '{"architectures": null}'])
def test_embedded_part_whose_class_nothing_names_is_told(content, own_package):
    (own_package / "components" / "unet" / "config.json").write_text(content)
    with pytest.raises(Refusal) as caught:
        reader().read("embedded/mine", Document(), own_package)
    assert caught.value.message == "embedded/mine has no unet"
    assert caught.value.why == "no config in unet names its class"
