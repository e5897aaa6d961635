"""DPT of transformers, which estimates depth, and its image processor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import conv, linear, norm, require
from graphflow_nodes.models.settings import wrong_settings_of


def _depth_estimator(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a DPTForDepthEstimation whose backbone is a ViT of its own.

    Raises:
        NotModelled: it is a hybrid, or has another unknown option.
    """
    require(not config["is_hybrid"] and config["backbone_config"] is None and config.get("backbone") is None)
    require(isinstance(config["image_size"], int) and isinstance(config["patch_size"], int))
    require(config["qkv_bias"] is not None and config["readout_type"] in ("ignore", "add", "project"))
    yield from _backbone(config)
    yield from _neck(config)
    yield from _head(config)


def _backbone(config: Mapping[str, Any]) -> Iterator[Named]:
    width, inner, patch = config["hidden_size"], config["intermediate_size"], config["patch_size"]
    yield "dpt.embeddings.cls_token", (1, 1, width)
    yield "dpt.embeddings.position_embeddings", (1, (config["image_size"] // patch) ** 2 + 1, width)
    yield from conv("dpt.embeddings.patch_embeddings.projection", width, config["num_channels"], patch)
    for number in range(config["num_hidden_layers"]):
        name = f"dpt.encoder.layer.{number}"
        for one in ("query", "key", "value"):
            yield from linear(f"{name}.attention.attention.{one}", width, width, bias=config["qkv_bias"])
        yield from linear(f"{name}.attention.output.dense", width, width)
        yield from linear(f"{name}.intermediate.dense", inner, width)
        yield from linear(f"{name}.output.dense", width, inner)
        yield from norm(f"{name}.layernorm_before", width)
        yield from norm(f"{name}.layernorm_after", width)
    yield from norm("dpt.layernorm", width)


def _neck(config: Mapping[str, Any]) -> Iterator[Named]:
    width, widths, fused = config["hidden_size"], config["neck_hidden_sizes"], config["fusion_hidden_size"]
    factors = config["reassemble_factors"]
    require(len(widths) == len(factors))
    for number, (channels, factor) in enumerate(zip(widths, factors, strict=True)):
        name = f"neck.reassemble_stage.layers.{number}"
        yield from conv(f"{name}.projection", channels, width, 1)
        if factor != 1:
            yield from conv(f"{name}.resize", channels, channels, int(factor) if factor > 1 else 3)
        if config["readout_type"] == "project":
            yield from linear(f"neck.reassemble_stage.readout_projects.{number}.0", width, 2 * width)
        yield from conv(f"neck.convs.{number}", fused, channels, bias=False)
        fusion = f"neck.fusion_stage.layers.{number}"
        yield from conv(f"{fusion}.projection", fused, fused, 1)
        for layer in ("residual_layer1", "residual_layer2"):
            yield from _residual(config, f"{fusion}.{layer}", fused)


def _residual(config: Mapping[str, Any], name: str, width: int) -> Iterator[Named]:
    normed, bias = config["use_batch_norm_in_fusion_residual"], config["use_bias_in_fusion_residual"]
    for number in (1, 2):
        yield from conv(f"{name}.convolution{number}", width, width, bias=not normed if bias is None else bias)
        if normed:
            yield from norm(f"{name}.batch_norm{number}", width)
            yield f"{name}.batch_norm{number}.running_mean", (width,)
            yield f"{name}.batch_norm{number}.running_var", (width,)
            yield f"{name}.batch_norm{number}.num_batches_tracked", ()


def _head(config: Mapping[str, Any]) -> Iterator[Named]:
    width = config["fusion_hidden_size"]
    if config["add_projection"]:
        require(width == 256)
        yield from conv("head.projection", 256, 256)
    yield from conv("head.head.0", width // 2, width)
    yield from conv("head.head.2", 32, width // 2)
    yield from conv("head.head.4", 1, 32, 1)


_BACKBONE = re.compile(r"(embeddings|encoder|layernorm)\.")


def _whole_name(name: str) -> str:
    """A tensor's name with the prefix `dpt.` of the backbone, which some files omit."""
    return f"dpt.{name}" if _BACKBONE.match(name) else name


DPT = ModelClass(
    "DPTForDepthEstimation",
    "transformers",
    defaults=defaults_of("DPTForDepthEstimation"),
    wrong=wrong_settings_of("DPTForDepthEstimation"),
    layout=_depth_estimator,
    own=r"(dpt\.(embeddings|encoder|layernorm)|neck|head)\.",
    # The published estimators omit them.
    unread=r"neck\.fusion_stage\.layers\.0\.residual_layer1\.",
    renamed=_whole_name,
)


def _load_processor(files: ComponentFiles, _: Any) -> Any:
    """The processor that transformers prefers: for torchvision if that is installed, else for Pillow.

    Loaded by its name, never by `AutoImageProcessor`, which may run code that a config names.
    """
    import transformers
    from transformers.utils import is_torchvision_available

    class_ = getattr(transformers, files.class_name if is_torchvision_available() else f"{files.class_name}Pil")
    return class_.from_dict(files.config)


DPT_PROCESSOR = ModelClass("DPTImageProcessor", "transformers", "processor", load=_load_processor)
