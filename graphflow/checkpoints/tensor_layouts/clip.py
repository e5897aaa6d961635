"""Tensors of the text encoders CLIPTextModel and CLIPTextModelWithProjection of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.tensor_layouts.layers import Named, linear, norm


def text_encoder(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a CLIPTextModel."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    yield "embeddings.token_embedding.weight", (config["vocab_size"], width)
    yield "embeddings.position_embedding.weight", (config["max_position_embeddings"], width)
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layers.{number}"
        for one in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{name}.self_attn.{one}", width, width)
        yield from norm(f"{name}.layer_norm1", width)
        yield from linear(f"{name}.mlp.fc1", inner, width)
        yield from linear(f"{name}.mlp.fc2", width, inner)
        yield from norm(f"{name}.layer_norm2", width)
    yield from norm("final_layer_norm", width)


def text_encoder_with_projection(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a CLIPTextModelWithProjection."""
    yield from text_encoder(config)
    yield from linear("text_projection", config["projection_dim"], config["hidden_size"], bias=False)
