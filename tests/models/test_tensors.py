"""The names and shapes that check knows of a component are those of the installed classes."""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers

from graphflow.checkpoints import embedded
from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.fit import integer_weights
from graphflow.checkpoints.model_class import MOST
from graphflow_nodes.models.defaults import class_defaults
from graphflow_nodes.models.settings import ACTIVATIONS, TEXT_ACTIVATIONS, wrong_settings
from tests.shipped import CLASSES


def published() -> Iterator[Any]:
    """Class and config of every component of the published models, as they were and for inpainting and velocities."""
    for family in ("sd15", "sd2", "sdxl", "sdxl_refiner"):
        text = (
            resources.files("graphflow_nodes")
            .joinpath(f"single_files/configs/{family}.json")
            .read_text(encoding="utf-8")
        )
        known = json.loads(text)
        for variant, told in known["variants"].items():
            for role, config in known["components"].items():
                class_name = config.get("_class_name") or (config.get("architectures") or [""])[0]
                if role in ("unet", "vae", "text_encoder", "text_encoder_2"):
                    changed = config | told.get("changes", {}).get(role, {})
                    yield pytest.param(class_name, changed, id=f"{family}-{variant}-{role}")


SMALL_UNET = {
    "block_out_channels": [8, 16, 24],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": 2,
    "norm_num_groups": 4,
    "cross_attention_dim": 12,
}
UNETS = {
    "defaults": {},
    "heads of each block": {"attention_head_dim": [2, 4, 8]},
    "heads that leave a rest": {"attention_head_dim": [3, 3, 5]},
    "linear": {"use_linear_projection": True},
    "sizes": {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 64,
    },
    "text": {"addition_embed_type": "text", "addition_embed_type_num_heads": 4},
    "classes": {"num_class_embeds": 7},
    "class by time": {"class_embed_type": "timestep"},
    "class as it is": {"class_embed_type": "identity"},
    "class projected": {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 20},
    "class simply projected": {"class_embed_type": "simple_projection", "projection_class_embeddings_input_dim": 20},
    "class beside time": {"num_class_embeds": 7, "class_embeddings_concat": True},
    "depths": {"transformer_layers_per_block": [1, 2, 3]},
    "depths of each layer": {
        "transformer_layers_per_block": [1, [1, 2], 3],
        "reverse_transformer_layers_per_block": [[3, 2, 1], [1, 2, 1], 1],
    },
    "no middle": {"mid_block_type": None},
    "plain middle": {"mid_block_type": "UNetMidBlock2D"},
    "layers": {"layers_per_block": 3},
    "layers of each block": {"layers_per_block": [1, 3, 2]},
    "contexts": {"cross_attention_dim": [12, 16, 20]},
    "only the text": {"only_cross_attention": True},
    "only the text in one": {"only_cross_attention": [False, True, False]},
    "guidance embedded": {"time_cond_proj_dim": 5},
    "wide time": {"time_embedding_dim": 40},
    "scale and shift": {"resnet_time_scale_shift": "scale_shift"},
    "kernels": {"conv_in_kernel": 1, "conv_out_kernel": 5},
    "channels": {"in_channels": 9, "out_channels": 8, "norm_num_groups": 8},
    "text narrowed": {"encoder_hid_dim": 30, "encoder_hid_dim_type": "text_proj"},
    "text narrowed, untold": {"encoder_hid_dim": 30},
    "added picture": {"addition_embed_type": "image", "encoder_hid_dim": 12},
    "two blocks": {
        "block_out_channels": [8, 16],
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    },
}
NOT_MODELLED = {
    "group norm of time": {"resnet_time_scale_shift": "ada_group"},
    "fourier": {"time_embedding_type": "fourier"},
    "gated": {"attention_type": "gated"},
    "added hint": {"addition_embed_type": "image_hint", "encoder_hid_dim": 12},
    "normed context": {"cross_attention_norm": "layer_norm"},
    "two texts": {"dual_cross_attention": True},
    "other blocks": {"down_block_types": ["DownBlock2D", "AttnDownBlock2D", "CrossAttnDownBlock2D"]},
}
KANDINSKY = {
    "unet": ("UNet2DConditionModel", {
        "in_channels": 9, "out_channels": 8, "block_out_channels": [384, 768, 1152, 1536], "layers_per_block": 3,
        "down_block_types": ["ResnetDownsampleBlock2D", *["SimpleCrossAttnDownBlock2D"] * 3],
        "up_block_types": [*["SimpleCrossAttnUpBlock2D"] * 3, "ResnetUpsampleBlock2D"],
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn", "resnet_time_scale_shift": "scale_shift",
        "cross_attention_dim": 768, "attention_head_dim": 64, "addition_embed_type": "image",
        "encoder_hid_dim": 1280, "encoder_hid_dim_type": "image_proj",
    }),
    "movq": ("VQModel", {
        "block_out_channels": [128, 256, 256, 512], "layers_per_block": 2, "latent_channels": 4, "vq_embed_dim": 4,
        "down_block_types": [*["DownEncoderBlock2D"] * 3, "AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D", *["UpDecoderBlock2D"] * 3],
        "num_vq_embeddings": 16384, "norm_type": "spatial",
    }),
    "prior": ("PriorTransformer", {"embedding_dim": 1280}),
    "image encoder": ("CLIPVisionModelWithProjection", {
        "hidden_size": 1664, "intermediate_size": 8192, "num_hidden_layers": 48, "num_attention_heads": 16,
        "patch_size": 14, "projection_dim": 1280,
    }),
}  # fmt: skip
"""Class and settings of the parts of Kandinsky 2.2."""
CONTROLNET = {key: value for key, value in SMALL_UNET.items() if key != "up_block_types"}
CONTROLNETS = {
    name: UNETS[name]
    for name in ("defaults", "heads of each block", "linear", "sizes", "text", "classes", "class by time",
                 "class projected", "depths", "plain middle", "layers", "only the text in one", "text narrowed")
} | {
    "picture": {"conditioning_embedding_out_channels": [4, 8], "conditioning_channels": 1},
    "nine channels": {"in_channels": 9},
}  # fmt: skip
SMALL_VAE = {
    "block_out_channels": [8, 16],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "norm_num_groups": 4,
}
VAES = {
    "defaults": {},
    "no attention": {"mid_block_add_attention": False},
    "sixteen channels": {"latent_channels": 16},
    "no quant": {"use_quant_conv": False, "use_post_quant_conv": False},
    "layers": {"layers_per_block": 3},
    "grey": {"in_channels": 1, "out_channels": 1},
}
K_UNET = {
    "act_fn": "gelu", "attention_head_dim": 64, "block_out_channels": [384, 384, 768, 768], "conv_in_kernel": 1,
    "conv_out_kernel": 1, "cross_attention_dim": 768, "in_channels": 8, "out_channels": 5, "layers_per_block": 4,
    "down_block_types": ["KDownBlock2D", *["KCrossAttnDownBlock2D"] * 3],
    "up_block_types": [*["KCrossAttnUpBlock2D"] * 3, "KUpBlock2D"],
    "mid_block_type": None, "norm_num_groups": None, "only_cross_attention": [False, True, True, True],
    "resnet_time_scale_shift": "scale_shift", "time_cond_proj_dim": 896, "time_embedding_type": "fourier",
    "timestep_post_act": "gelu",
}  # fmt: skip
K_UNETS = {
    "as published": {},
    "layers of each block": {"layers_per_block": [2, 4, 4, 4]},
    "one layer": {"layers_per_block": 1},
    "small": {"block_out_channels": [32, 64, 96, 64], "attention_head_dim": 16, "cross_attention_dim": 12},
    "wide time": {"time_embedding_dim": 96},
    "plain": {"down_block_types": ["KDownBlock2D"] * 4, "up_block_types": ["KUpBlock2D"] * 4},
    "without a summary": {"time_cond_proj_dim": None},
}
DEPTHS = {
    "defaults": {},
    "ignored readout": {"readout_type": "ignore"},
    "added readout": {"readout_type": "add"},
    "normed": {"use_batch_norm_in_fusion_residual": True},
    "normed with bias": {"use_batch_norm_in_fusion_residual": True, "use_bias_in_fusion_residual": True},
    "projected": {"add_projection": True},
    "no bias": {"qkv_bias": False},
    "other factors": {"reassemble_factors": [2, 1, 0.5, 0.25]},
}


def of_class(class_name: str, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the class itself, without its weights."""
    with torch.device("meta"):
        if hasattr(diffusers, class_name):
            model = getattr(diffusers, class_name).from_config(dict(config))
        else:
            class_ = getattr(transformers, class_name)
            model = class_(class_.config_class.from_dict(dict(config)))
    return {name.removeprefix("text_model."): tuple(one.shape) for name, one in model.state_dict().items()}


def agree(class_name: str, config: Mapping[str, Any]) -> None:
    found = CLASSES[class_name].tensors(class_defaults()[class_name] | dict(config))
    wanted = of_class(class_name, config)
    wanted.pop("embeddings.position_ids", None)
    assert found is not None
    assert found == wanted
    assert len(found) < MOST


@pytest.mark.parametrize(("class_name", "config"), list(published()))
def test_published_components_have_the_tensors_of_their_classes(class_name: str, config: Mapping[str, Any]) -> None:
    agree(class_name, config)


@pytest.mark.parametrize("name", UNETS)
def test_unets(name: str) -> None:
    agree("UNet2DConditionModel", SMALL_UNET | UNETS[name])


@pytest.mark.parametrize("name", NOT_MODELLED)
def test_unets_with_rare_options_are_left_to_the_loader(name: str) -> None:
    config = class_defaults()["UNet2DConditionModel"] | SMALL_UNET | NOT_MODELLED[name]
    assert CLASSES["UNet2DConditionModel"].tensors(config) is None


@pytest.mark.parametrize("name", K_UNETS)
def test_unets_of_the_latent_upscaler(name: str) -> None:
    agree("UNet2DConditionModel", K_UNET | K_UNETS[name])


@pytest.mark.parametrize("name", CONTROLNETS)
def test_controlnets(name: str) -> None:
    agree("ControlNetModel", CONTROLNET | CONTROLNETS[name])


@pytest.mark.parametrize("name", VAES)
def test_autoencoders(name: str) -> None:
    agree("AutoencoderKL", SMALL_VAE | VAES[name])


@pytest.mark.parametrize("name", KANDINSKY)
def test_parts_of_kandinsky(name: str) -> None:
    agree(*KANDINSKY[name])


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_estimators(name: str) -> None:
    agree("DPTForDepthEstimation", DEPTHS[name])


def test_components_that_come_along_have_the_tensors_of_their_classes() -> None:
    for name in embedded.names():
        for role, folder in embedded.components(name).items():
            config = ComponentFiles(role, "", "", Path(folder)).config
            class_name = config.get("_class_name") or next(iter(config.get("architectures") or [""]))
            if class_name in class_defaults() and not class_name.endswith("Scheduler"):
                agree(class_name, config)


def test_absurd_config_is_not_written_out() -> None:
    config = class_defaults()["CLIPTextModel"] | {"num_hidden_layers": 10**9}
    assert len(CLASSES["CLIPTextModel"].tensors(config) or {}) == MOST + 1


def test_activations_are_those_that_the_libraries_know() -> None:
    from diffusers.models.activations import ACT2CLS
    from transformers.activations import ACT2FN

    assert set(ACTIVATIONS) == set(ACT2CLS)
    assert set(TEXT_ACTIVATIONS) <= set(ACT2FN)


def test_published_settings_are_in_order() -> None:
    for case in published():
        class_name, config = case.values
        defaults = class_defaults()[class_name]
        told = {key: value for key, value in config.items() if not key.startswith("_")}
        assert wrong_settings({**defaults, **told}, defaults) == []


def test_depth_estimator_may_leave_to_its_backbone_what_transformers_saves_as_null() -> None:
    defaults = class_defaults()["DPTForDepthEstimation"]
    unset = dict.fromkeys(("num_hidden_layers", "image_size", "patch_size", "hidden_dropout_prob", "layer_norm_eps"))
    assert wrong_settings({**defaults, **unset, "backbone_config": {"model_type": "dinov2"}}, defaults) == []
    assert len(wrong_settings({**defaults, **unset}, defaults)) == len(unset)


def test_counters_of_batch_normalisation_are_no_quantized_weights() -> None:
    counter = "neck.fusion_stage.layers.0.residual_layer1.batch_norm1.num_batches_tracked"
    assert list(integer_weights("depth", {counter: "I64", "head.head.0.weight": "F32"})) == []
    assert len(list(integer_weights("depth", {counter: "I64", "head.head.0.weight": "I8"}))) == 1


def test_classes_with_one_number_for_all_blocks_take_no_list() -> None:
    for class_name, name in (("AutoencoderKL", "layers_per_block"), ("CLIPTextModel", "num_attention_heads")):
        defaults = class_defaults()[class_name]
        (told,) = wrong_settings({**defaults, name: [1]}, defaults)
        assert told == f"{name} is [1], but must be a whole number from 1 to 1,000"
