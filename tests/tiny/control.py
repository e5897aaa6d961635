"""ControlNets that steer the tiny checkpoints, and an estimator of depth."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from transformers import DPTConfig, DPTForDepthEstimation

from tests.tiny import parts

_HALF = [0.5, 0.5, 0.5]


def controlnet(seed: int, unet: UNet2DConditionModel) -> ControlNetModel:
    """Of the structure of `unet`; a new one's last layers are zero, these are random like all others."""
    model = parts.random_weights(
        lambda: ControlNetModel.from_unet(
            unet, conditioning_embedding_out_channels=(4, 8, 8, 16), load_weights_from_unet=False
        ),
        seed,
    )
    with torch.no_grad():
        for name, weight in model.controlnet_cond_embedding.named_parameters():
            if name.endswith("weight"):
                weight.mul_(2)  # eight layers that halve small values would hide the picture
    return model


def depth(seed: int) -> DPTForDepthEstimation:
    """A DPT that reads 64×64 pixels as four by four patches."""
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=parts.SIZE,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[4, 8, 12, 16],
        reassemble_factors=[4, 2, 1, 0.5],
        fusion_hidden_size=8,
        readout_type="project",
        use_auxiliary_head=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = parts.random_weights(lambda: DPTForDepthEstimation(config), seed)
    with torch.no_grad():
        model.head.head[4].bias.fill_(2)  # the last layer's ReLU would cut off the far half
    return model


def save_depth(target: Path, seed: int) -> None:
    """Model and processor, as graphflow_embedded's component `depth` has them."""
    depth(seed).save_pretrained(target)
    config = {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "size": {"height": parts.SIZE, "width": parts.SIZE},
        "keep_aspect_ratio": False,
        "ensure_multiple_of": 16,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": _HALF,
        "image_std": _HALF,
        "do_pad": False,
    }
    (target / "preprocessor_config.json").write_text(json.dumps(config, indent=2))
