"""A VAE or a ControlNet alone in a file: known by its tensors, with the config that was published for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import diffusers
import pytest
import torch

from graphflow.checkpoints.model_class import Shape
from graphflow.checkpoints.single_file import FilePart, read_single_file
from graphflow.document.refusal import Refusal
from graphflow_nodes.single_files.original import ORIGINAL
from graphflow_nodes.single_files.published import published, published_controlnet
from tests.single_files.test_layouts import write
from tests.single_files.test_names import by_diffusers, by_us
from tests.tiny import layouts

FAMILIES = ["sd15", "sd2", "sdxl"]


@cache
def vae() -> dict[str, torch.Tensor]:
    """The published VAE's tensors without data, by diffusers' names."""
    with torch.device("meta"):
        return diffusers.AutoencoderKL.from_config(published("sd15", "base").configs["vae"]).state_dict()


@cache
def controlnet(family: str) -> dict[str, torch.Tensor]:
    """Tensors without data of a ControlNet of a published UNet, by diffusers' names."""
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(published(family, "base").configs["unet"])
        return diffusers.ControlNetModel.from_unet(unet, load_weights_from_unet=False).state_dict()


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def read(path: Path, tensors: dict[str, torch.Tensor]) -> FilePart:
    single = read_single_file("x", write(path / "x.safetensors", tensors), [ORIGINAL])
    (part,) = single.components.values()
    assert isinstance(part, FilePart)
    assert single.class_name == part.class_name
    return part


def refusal(path: Path, tensors: dict[str, torch.Tensor]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(path, tensors)
    return caught.value


@pytest.mark.parametrize("family", FAMILIES)
def test_published_config_of_a_controlnet_is_that_of_its_unet(family):
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(published(family, "base").configs["unet"])
        config = diffusers.ControlNetModel.from_unet(unet, load_weights_from_unet=False).config
    plain = {key: list(one) if isinstance(one, tuple) else one for key, one in config.items() if key[0] != "_"}
    assert {key: one for key, one in published_controlnet(family).items() if key[0] != "_"} == plain


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_vae_in_the_original_layout_has_the_names_of_diffusers_conversion(prefix, tmp_path):
    part = read(tmp_path, prefixed(prefix, layouts.vae_alone(vae())))
    assert part.class_name == "AutoencoderKL"
    assert by_us(part) == by_diffusers(part)
    assert set(by_us(part)) == set(vae())
    assert part.faults == ()


@pytest.mark.parametrize("prefix", ["", "control_model."])
@pytest.mark.parametrize("family", ["sd15", "sd2"])
def test_controlnet_in_the_original_layout_has_the_names_of_diffusers_conversion(family, prefix, tmp_path):
    part = read(tmp_path, prefixed(prefix, layouts.controlnet(controlnet(family))))
    assert part.class_name == "ControlNetModel"
    assert by_us(part) == by_diffusers(part)
    assert set(by_us(part)) == set(controlnet(family))
    assert part.faults == ()


def test_controlnet_of_xl_in_the_original_layout_has_the_names_of_its_class(tmp_path):
    """Diffusers' conversion does not know it."""
    part = read(tmp_path, layouts.controlnet(controlnet("sdxl")))
    assert set(by_us(part)) == set(controlnet("sdxl"))
    assert part.faults == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_controlnet_in_the_layout_of_diffusers_is_read(family, tmp_path):
    part = read(tmp_path, controlnet(family))
    assert part.config["cross_attention_dim"] == published(family, "base").configs["unet"]["cross_attention_dim"]
    assert part.faults == ()


def test_vae_in_the_layout_of_diffusers_is_read_with_names_of_any_version(tmp_path):
    assert read(tmp_path, vae()).faults == ()
    assert read(tmp_path, layouts.old_vae(vae())).faults == ()


@pytest.mark.parametrize("original", [True, False])
def test_tensor_that_is_missing_or_left_over_is_reported(original, tmp_path):
    tensors = dict(layouts.vae_alone(vae()) if original else vae())
    moved = tensors.pop("decoder.norm_out.bias" if original else "decoder.conv_norm_out.bias")
    tensors["decoder.other.bias"] = moved
    messages = [(fault.message, fault.why) for fault in read(tmp_path, tensors).faults]
    assert messages == [
        (f"1 of {len(vae())} tensors of the x is missing", "its files do not hold decoder.conv_norm_out.bias"),
        ("the x has 1 tensor that its config does not describe", "its files hold decoder.other.bias"),
    ]


def test_what_training_left_beside_a_vae_is_ignored(tmp_path):
    rubbish = {"loss.logvar": torch.zeros(()), "model_ema.decay": torch.zeros(())}
    assert read(tmp_path, layouts.vae_alone(vae()) | rubbish).faults == ()


def changed(tensors: dict[str, torch.Tensor], **shapes: Shape) -> dict[str, torch.Tensor]:
    new = {name.replace("__", "."): torch.empty(shape, device="meta") for name, shape in shapes.items()}
    return {**tensors, **new}


def test_vae_of_other_sizes_is_refused_with_the_tensor_that_differs(tmp_path):
    """As one with 16 channels of latents."""
    found = refusal(tmp_path, changed(vae(), decoder__conv_in__weight=(512, 16, 3, 3)))
    assert found.code == "checkpoint-unknown"
    assert found.message == "x is a VAE with other sizes than the published ones"
    assert found.why == "decoder.conv_in.weight is 512 × 16 × 3 × 3; that of Stable Diffusion 1.5 has 512 × 4 × 3 × 3"
    assert "folder" in found.fix


def test_half_of_a_vae_is_refused(tmp_path):
    found = refusal(tmp_path, {name: one for name, one in vae().items() if name.startswith("encoder.")})
    assert found.why == f"that of Stable Diffusion 1.5 has {len(vae())} tensors, and it holds 106 of them"


def test_relatives_of_a_vae_and_a_controlnet_are_refused(tmp_path):
    """A VQModel, and a ControlNet for several kinds of control."""
    found = refusal(tmp_path, changed(vae(), quantize__embedding__weight=(8, 4)))
    assert (found.message, found.why) == ("x is not a plain VAE", "it also holds quantize.embedding.weight")
    found = refusal(tmp_path, changed(controlnet("sdxl"), task_embedding=(6, 320)))
    assert (found.message, found.why) == ("x is not a plain ControlNet", "it also holds task_embedding")


def test_controlnet_of_an_unknown_model_is_refused_with_the_widths_that_are_known(tmp_path):
    narrow = {name: one for name, one in controlnet("sdxl").items() if ".attn2." not in name}
    found = refusal(tmp_path, narrow)
    assert found.message == "x is a ControlNet of another structure"
    assert found.why == "it reads no text; those known read texts 768 or 1024 or 2048 wide"
    wide = {name: torch.empty(8, 1280, device="meta") if "attn2.to_k" in name else one for name, one in narrow.items()}
    wide["down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"] = torch.empty(8, 1280, device="meta")
    assert refusal(tmp_path, wide).why.startswith("it reads texts 1280 wide")


def test_small_controlnet_of_xl_is_refused_by_its_layers(tmp_path):
    """The published small ones have no settings in common with the large one that a file could show."""
    deep = "transformer_blocks."
    few = {name: one for name, one in controlnet("sdxl").items() if deep not in name or ".2.attentions.0" in name}
    assert refusal(tmp_path, few).why.startswith("that of Stable Diffusion XL has")
