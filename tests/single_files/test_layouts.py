"""Single files are recognised by names and shapes alone: those of the published checkpoints, made without data."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

import diffusers
import pytest
import torch
import transformers

from graphflow.checkpoints.single_file import FilePart, read_single_file, why_unread
from graphflow.document.refusal import Refusal
from graphflow_nodes.single_files.layouts import check_sizes, layout_of
from graphflow_nodes.single_files.original import ORIGINAL
from graphflow_nodes.single_files.published import published
from tests.single_files.conversion import converted
from tests.tiny import layouts

TEXTS = {
    "sd15": {"clip": "text_encoder"},
    "sd2": {"open_clip": "text_encoder"},
    "sdxl": {"xl_clip": "text_encoder", "xl_open_clip": "text_encoder_2"},
    "sdxl_refiner": {"refiner": "text_encoder_2"},
}
FILES = [
    ("sd15", "base"),
    ("sd15", "inpaint"),
    ("sd2", "base"),
    ("sd2", "v"),
    ("sd2", "inpaint"),
    ("sdxl", "base"),
    ("sdxl", "inpaint"),
    ("sdxl_refiner", "base"),
]


@cache
def states(family: str, variant: str) -> dict[str, dict[str, torch.Tensor]]:
    """Role → tensors without data, of the classes and sizes of a published checkpoint, in half precision."""
    found = {}
    with torch.device("meta"):
        for role, config in published(family, variant).configs.items():
            if role in ("unet", "vae"):
                found[role] = getattr(diffusers, config["_class_name"]).from_config(config).half().state_dict()
            elif role.startswith("text_encoder"):
                class_ = getattr(transformers, config["architectures"][0])
                found[role] = class_(transformers.CLIPTextConfig.from_dict(config)).half().state_dict()
    return found


@cache
def tensors(family: str, variant: str) -> dict[str, torch.Tensor]:
    """A published single file's tensors without data."""
    found = states(family, variant)
    last = 23 if family == "sd2" else None
    text = {
        prefix: layouts.old_text_encoder(_bare(found[role]))
        if prefix.endswith("xl_clip") or prefix == "clip"
        else layouts.open_clip(found[role], last=last)
        for prefix, role in TEXTS[family].items()
    }
    return layouts.single_file(found["unet"], found["vae"], **text)


def _bare(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}


def shapes(family: str, variant: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors(family, variant).items()}


def write(path: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> Path:
    """A file with a header and holes instead of data, which take no room on a disk."""
    header: dict[str, object] = {"__metadata__": {key.replace("__", "."): value for key, value in metadata.items()}}
    types = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}
    end = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": types[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [end, end + size],
        }
        end += size
    text = json.dumps(header).encode()
    with path.open("wb") as handle:
        handle.write(struct.pack("<Q", len(text)) + text)
        handle.truncate(8 + len(text) + end)
    return path


@pytest.mark.parametrize(("family", "variant"), FILES)
def test_published_layouts_are_recognised(family, variant):
    layout = layout_of("x", shapes(family, variant))
    assert (layout.family, layout.channels, layout.missing) == (family, 9 if variant == "inpaint" else 4, ())


@pytest.mark.parametrize(("family", "variant"), FILES)
def test_parts_of_a_published_file_have_the_tensors_of_their_classes(family, variant, tmp_path):
    """As many elements, tensor by tensor, once what is joined is taken apart."""
    said = {"modelspec__prediction_type": "v" if variant == "v" else "epsilon"}
    single = read_single_file("x", write(tmp_path / "x.safetensors", tensors(family, variant), **said), [ORIGINAL])
    assert single.class_name == published(family, variant).class_name
    assert ("force_zeros_for_empty_prompt" in single.flags) is family.startswith("sdxl")
    for role, state in states(family, variant).items():
        part = single.components[role]
        assert isinstance(part, FilePart)
        assert dict(part.config) == dict(published(family, variant).configs[role])
        assert sorted(_counts(part)) == sorted(tensor.numel() for tensor in state.values())


def _counts(part: FilePart) -> list[int]:
    (header,) = part.headers
    found = []
    for name, how in part.stored.items():
        pieces = 3 if how.value == "thirds" else 1
        found += [header.tensors[name].count // pieces] * pieces
    return found


@pytest.mark.parametrize(("family", "role"), [("sd15", "vae"), ("sd15", "text_encoder"), ("sdxl", "text_encoder_2")])
def test_what_a_file_lacks_is_named(family, role):
    prefix = layout_of("x", shapes(family, "base")).prefixes[role]
    rest = {name: shape for name, shape in shapes(family, "base").items() if not name.startswith(prefix)}
    layout = layout_of("x", rest)
    assert (layout.family, layout.missing) == (family, (role,))


@pytest.mark.parametrize("family", TEXTS)
def test_file_without_a_unet_is_recognised_by_its_text_encoders(family):
    rest = {name: shape for name, shape in shapes(family, "base").items() if not name.startswith("model.")}
    layout = layout_of("x", rest)
    assert (layout.family, layout.missing) == (family, ("unet",))


@pytest.mark.parametrize("family", TEXTS)
def test_unet_and_vae_alone_tell_the_family(family):
    rest = {name: one for name, one in shapes(family, "base").items() if name.startswith(("model.", "first_"))}
    assert layout_of("x", rest).family == family


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", (64, 4, 3, 3)),
        ("model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight", None),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.1.attn2.to_k.weight", (320, 768)),
        ("first_stage_model.decoder.conv_in.weight", (512, 16, 3, 3)),
        ("cond_stage_model.transformer.text_model.encoder.layers.12.mlp.fc1.weight", (3072, 768)),
    ],
)
def test_model_of_other_sizes_is_refused_with_the_tensor_that_differs(name, value):
    found = {**shapes("sd15", "base"), name: value}
    if value is None:
        del found[name]
    configs, layout = published("sd15", "base").configs, layout_of("x", found)

    def check() -> None:
        for role, prefix in layout.prefixes.items():
            check_sizes("x", "Stable Diffusion 1.5", prefix, found, configs[role])

    with pytest.raises(Refusal) as caught:
        check()
    assert caught.value.code == "checkpoint-unknown"
    assert name.replace("text_model.", "") in caught.value.why


OTHERS = [
    ({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 8)}, "is a LoRA"),
    ({"unet.up_blocks.0.attentions.0.proj_in.lora_A.weight": (4, 8)}, "is a LoRA"),
    ({"unet.down_blocks.0.attentions.0.processor.to_q_lora.down.weight": (4, 8)}, "is a LoRA"),
    ({"conv_in.weight": (320, 4, 3, 3), "down_blocks.0.resnets.0.conv1.weight": (320, 320, 3, 3)}, "is a UNet"),
    ({"input_blocks.0.0.weight": (320, 4, 3, 3)}, "is a UNet"),
    ({"text_model.embeddings.token_embedding.weight": (49408, 768)}, "is a text encoder"),
    ({"emb_params": (2, 768)}, "is an embedding"),
    ({"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, "belongs to no model family"),
    ({"a": (1,)}, "belongs to no model family"),
    ({}, "belongs to no model family"),
]


@pytest.mark.parametrize(("found", "what"), OTHERS)
def test_what_is_no_checkpoint_is_told_by_its_kind(found, what):
    refusal = why_unread("x.safetensors", found, [ORIGINAL])
    assert refusal.code == "checkpoint-unknown"
    assert f"x.safetensors {what}" in refusal.message
    assert refusal.fix


@pytest.mark.parametrize(
    ("family", "change", "why"),
    [
        ("sd15", {"model.diffusion_model.input_blocks.0.0.weight": (320, 8, 3, 3)}, "InstructPix2Pix"),
        ("sd2", {"model.diffusion_model.input_blocks.0.0.weight": (320, 5, 3, 3)}, "depth"),
        ("sd2", {"model.diffusion_model.label_emb.weight": (1000, 1024)}, "upscaler"),
        ("sd2", {"model.diffusion_model.label_emb.0.0.weight": (1280, 2048)}, "unCLIP"),
        ("sdxl", {"edm_mean": (1, 4, 1, 1)}, "EDM"),
    ],
)
def test_relatives_that_no_stage_runs_are_refused(family, change, why):
    with pytest.raises(Refusal) as caught:
        layout_of("x", {**shapes(family, "base"), **change})
    assert why in caught.value.why


@pytest.mark.parametrize("family", TEXTS)
def test_diffusers_converts_every_part_to_the_names_and_shapes_of_its_class(family, tmp_path):
    said = {"modelspec__prediction_type": "epsilon"}
    single = read_single_file("x", write(tmp_path / "x.safetensors", tensors(family, "base"), **said), [ORIGINAL])
    for role, state in states(family, "base").items():
        files, mine = single.components[role], tensors(family, "base")
        around = torch.nn.Module()
        if any(name.startswith("text_model.") for name in state):
            around.text_model = torch.nn.Module()
        around.config = transformers.CLIPTextConfig.from_dict(files.config) if "text" in role else None
        found = converted({name: mine[name] for name in files.stored}, files, around)
        assert {name: one.shape for name, one in found.items()} == {name: one.shape for name, one in state.items()}
