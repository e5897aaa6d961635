"""Names and shapes of a component's tensors, from its class and config alone: neither torch nor diffusers is needed.

The names are those that the tested versions of diffusers and transformers use, a text encoder's without `text_model.`.
A test builds the classes themselves without memory and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from graphflow.checkpoints.tensor_layouts.clip import text_encoder, text_encoder_with_projection
from graphflow.checkpoints.tensor_layouts.dpt import depth_estimator
from graphflow.checkpoints.tensor_layouts.layers import Named, NotModelled, Shape
from graphflow.checkpoints.tensor_layouts.unet import controlnet, unet
from graphflow.checkpoints.tensor_layouts.vae import autoencoder

MOST = 50_000
"""Tensors that a config may describe; SDXL's UNet has 1,680."""

_LAYOUTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Named]]] = {
    "AutoencoderKL": autoencoder,
    "CLIPTextModel": text_encoder,
    "CLIPTextModelWithProjection": text_encoder_with_projection,
    "ControlNetModel": controlnet,
    "DPTForDepthEstimation": depth_estimator,
    "UNet2DConditionModel": unet,
}


def expected(class_name: str, config: Mapping[str, Any]) -> dict[str, Shape] | None:
    """Every tensor that a component of this class and config has.

    Args:
        class_name: of diffusers or transformers.
        config: with the class's defaults filled in, and settings of the right types.

    Returns:
        Name → shape, at most `MOST` and one more; None where the class, or an option of the config, is not modelled.
    """
    layout = _LAYOUTS.get(class_name)
    if layout is None:
        return None
    try:
        return dict(islice(layout(config), MOST + 1))
    except NotModelled:
        return None
