"""PriorTransformer of diffusers, which turns an encoded text into the embedding of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import embedder, linear, norm, require
from graphflow_nodes.models.settings import wrong_settings_of


def _prior(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a PriorTransformer as Kandinsky has it.

    Raises:
        NotModelled: it has an option that is not known here.
    """
    require(config["added_emb_type"] == "prd" and config["encoder_hid_proj_type"] == "linear")
    require(not any(config[name] for name in ("embedding_proj_norm_type", "norm_in_type", "time_embed_dim")))
    require(config["embedding_proj_dim"] is None and config["clip_embed_dim"] is None)
    width, embedding = config["num_attention_heads"] * config["attention_head_dim"], config["embedding_dim"]
    yield "positional_embedding", (1, config["num_embeddings"] + config["additional_embeddings"], width)
    yield "prd_embedding", (1, 1, width)
    yield from embedder("time_embedding", width, width)
    for name in ("proj_in", "embedding_proj", "encoder_hidden_states_proj"):
        yield from linear(name, width, embedding)
    for number in range(config["num_layers"]):
        yield from _block(f"transformer_blocks.{number}", width)
    yield from norm("norm_out", width)
    yield from linear("proj_to_clip_embeddings", embedding, width)
    yield "clip_mean", (1, embedding)
    yield "clip_std", (1, embedding)


def _block(name: str, width: int) -> Iterator[Named]:
    yield from norm(f"{name}.norm1", width)
    for one in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from linear(f"{name}.attn1.{one}", width, width)
    yield from norm(f"{name}.norm3", width)
    yield from linear(f"{name}.ff.net.0.proj", 4 * width, width)
    yield from linear(f"{name}.ff.net.2", width, 4 * width)


PRIOR_TRANSFORMER = ModelClass(
    "PriorTransformer",
    "diffusers",
    defaults=defaults_of("PriorTransformer"),
    wrong=wrong_settings_of("PriorTransformer"),
    layout=_prior,
    own=r"(positional_|prd_|time_|embedding_proj\.|proj_|encoder_hidden|transformer_blocks\.|norm_out\.|clip_)",
    options={"attention": True},
)
