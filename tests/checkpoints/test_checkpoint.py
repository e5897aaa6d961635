"""Checkpoints are found and their facts read from headers and JSON files, without torch and without weights."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.models_folders import MODELS_VARIABLE
from graphflow.document.model import CheckpointDecl, Document
from graphflow.document.refusal import Refusal
from graphflow.document.tree import Entry, Mapping, Scalar
from graphflow_nodes.models.defaults import class_defaults
from tests.shipped import CLASSES, read_checkpoint, reader

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.35.0",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "feature_extractor": [None, None],
    "requires_safety_checker": False,
}


WEIGHTS = "diffusion_pytorch_model.safetensors"
UNET = {
    "block_out_channels": [4],
    "down_block_types": ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"],
    "mid_block_type": None,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "attention_head_dim": 2,
    "sample_size": 8,
}
VAE = {"block_out_channels": [4], "norm_num_groups": 2, "sample_size": 8}


def safetensors(**shapes: tuple[int, ...]) -> bytes:
    """A whole safetensors file of float32 zeros."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def component(folder: Path, class_name: str, config: dict[str, Any]) -> None:
    """A component with all its tensors."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": class_name, **config}))
    shapes = CLASSES[class_name].tensors(class_defaults()[class_name] | config)
    assert shapes is not None
    (folder / WEIGHTS).write_bytes(safetensors(**shapes))


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    folder = tmp_path / "sd"
    component(folder / "unet", "UNet2DConditionModel", UNET)
    component(folder / "vae", "AutoencoderKL", VAE)
    (folder / "model_index.json").write_text(json.dumps(INDEX))
    return folder


def read(text: str, folder: Path, **declared: str) -> Checkpoint:
    decls = {
        name: CheckpointDecl(
            name, Scalar(source), Mapping({"source": Entry(Scalar(source)), "dtype": Entry(Scalar("float16"))})
        )
        for name, source in declared.items()
    }
    return reader().read(text, Document(checkpoints=decls, folder=folder), folder)


def refusal(text: str, folder: Path, **declared: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(text, folder, **declared)
    return caught.value


def test_folder_of_a_pipeline_tells_its_class_and_components(pipeline: Path) -> None:
    found = read("./sd", pipeline.parent)
    assert (found.kind, found.class_name, list(found.components)) == ("pipeline", INDEX["_class_name"], ["unet", "vae"])
    assert found.flags == {"requires_safety_checker": False}
    vae = found.components["vae"]
    assert (vae.library, vae.class_name, vae.config["sample_size"]) == ("diffusers", "AutoencoderKL", 8)
    assert [path.name for path in vae.weights] == [WEIGHTS]


def test_folder_of_one_component_tells_its_class(pipeline: Path) -> None:
    found = read("sd/unet", pipeline.parent)
    assert (found.kind, found.class_name) == ("component", "UNet2DConditionModel")


def test_transformers_model_is_a_component_by_its_architecture(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "config.json").write_text('{"architectures": ["OfNobody"]}')
    assert read("./depth", tmp_path).class_name == "OfNobody"


@pytest.mark.parametrize("shapes", [{"a": (4,), "b": (2, 2), "c": ()}, {"a": (0,)}])
def test_whole_file_of_no_known_family_is_told(shapes: dict[str, tuple[int, ...]], tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(safetensors(**shapes))
    assert refusal("a.safetensors", tmp_path).code == "checkpoint-unknown"


WHOLE = safetensors(a=(4,), b=(2, 2))


@pytest.mark.parametrize(
    "content",
    [b"", WHOLE[:4], WHOLE[:20], WHOLE[:-1], WHOLE + b"\0", b"\xff" * 64, struct.pack("<Q", 2) + b"[]",
     struct.pack("<Q", 4) + b"\xff\xfe{}", struct.pack("<Q", 8) + b'{"a": 1}', struct.pack("<Q", 2**62) + b"{}",
     WHOLE.replace(b"[2, 2]", b"[2, 3]")],
    ids=["empty", "no length", "no header", "short", "long", "noise", "a list", "no UTF-8", "no tensor", "vast",
         "other shape"],
)  # fmt: skip
def test_damaged_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    found = refusal("a.safetensors", tmp_path)
    assert (found.code, found.fix) == ("checkpoint-broken", "get the file again; it may have been cut off on its way")


def test_damaged_file_inside_a_pipeline_is_told(pipeline: Path) -> None:
    weights = pipeline / "vae" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-3])
    assert refusal("./sd", pipeline.parent).code == "checkpoint-broken"


def test_folder_that_the_index_names_and_is_not_there_is_told(pipeline: Path) -> None:
    (pipeline / "vae").rename(pipeline / "vae2")
    found = refusal("./sd", pipeline.parent)
    assert (found.code, found.message, found.why) == (
        "checkpoint-broken",
        "./sd has no folder vae",
        "model_index.json names it",
    )


@pytest.mark.parametrize("ending", [".bin", ".ckpt", ".pt", ".pth", ".pkl"])
def test_pickled_weights_are_refused_and_never_read(ending: str, pipeline: Path) -> None:
    (pipeline / "vae" / WEIGHTS).rename(pipeline / "vae" / f"weights{ending}")
    assert refusal("./sd", pipeline.parent).code == "checkpoint-unsafe"
    (pipeline.parent / f"one{ending}").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert refusal(f"one{ending}", pipeline.parent).code == "checkpoint-unsafe"


def test_safetensors_beside_pickled_weights_are_taken(pipeline: Path) -> None:
    (pipeline / "vae" / "weights.bin").write_bytes(b"pickled")
    assert read("./sd", pipeline.parent).kind == "pipeline"


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\x00"])
def test_index_that_is_no_json_object_is_told(content: str, pipeline: Path) -> None:
    (pipeline / "model_index.json").write_text(content)
    found = refusal("./sd", pipeline.parent)
    assert (found.code, found.message) == ("checkpoint-broken", "sd/model_index.json cannot be read")


def test_file_is_found_in_the_folders_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "second" / "a.safetensors").write_bytes(safetensors(emb_params=(2, 768)))
    monkeypatch.setenv(MODELS_VARIABLE, f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    assert "a.safetensors is an embedding" in refusal("a.safetensors", tmp_path).message
    assert MODELS_VARIABLE in refusal("b.safetensors", tmp_path).why


@pytest.mark.parametrize("name", ["owner/name", "owner/name@main", "owner/na-me.v1@refs/pr/1"])
def test_repository_of_the_hub_is_accepted_with_unknown_facts(name: str, tmp_path: Path) -> None:
    found = read(name, tmp_path)
    assert (found.kind, found.path, found.class_name, found.components) == ("hub", None, "", {})


def test_short_name_has_the_facts_of_its_source_and_its_own_details(pipeline: Path) -> None:
    found = read("base", pipeline.parent, base="./sd")
    assert (found.name, found.kind, found.class_name) == ("base", "pipeline", INDEX["_class_name"])
    assert found.digest != read("./sd", pipeline.parent).digest


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("bsae", "did you mean base?"),
        ("./sd1", "did you mean sd?"),
        ("~nobody-here/x", "write the folder's full path"),
        ("nothing", "write a name under checkpoints, embedded/NAME, ./folder, ./file.safetensors or owner/name"),
        ("", "name the folder that holds model_index.json"),
    ],
)
def test_checkpoint_that_is_not_there_is_told_with_a_fix(written: str, fix: str, pipeline: Path) -> None:
    assert refusal(written, pipeline.parent, base="owner/name").fix == fix


@pytest.mark.parametrize("name", ["embedded/no-such-checkpoint", "embedded/", "embedded/../components"])
def test_unknown_embedded_checkpoint_is_told(name: str, tmp_path: Path) -> None:
    assert refusal(name, tmp_path).code == "checkpoint-missing"


def test_folder_without_any_json_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        read_checkpoint("x", tmp_path)
    assert caught.value.code == "checkpoint-broken"


@pytest.mark.parametrize("named", [1, "CLIPTextModel", {}, []])
def test_architectures_that_are_no_list_of_names_name_no_class(named, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": named}))
    (tmp_path / "model.safetensors").write_bytes(safetensors(a=(4,)))
    assert read_checkpoint("text", tmp_path).class_name == ""
