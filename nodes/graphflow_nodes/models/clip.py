"""CLIP's text encoders and tokenizers, of transformers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.model_class import ModelClass, Named
from graphflow.system.gc_pause import importing
from graphflow_nodes.models.clip_tokenizer import TokenizerPart, tokenizer_of
from graphflow_nodes.models.defaults import defaults_of
from graphflow_nodes.models.layers import linear, norm
from graphflow_nodes.models.settings import wrong_settings_of


def _text_encoder(config: Mapping[str, Any]) -> Iterator[Named]:
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


def _text_encoder_with_projection(config: Mapping[str, Any]) -> Iterator[Named]:
    """Tensors of a CLIPTextModelWithProjection."""
    yield from _text_encoder(config)
    yield from linear("text_projection", config["projection_dim"], config["hidden_size"], bias=False)


_WITH_PICTURES = "text_config"
"""The key for the settings of a text encoder that was saved together with its picture encoder."""

CLIP_TEXT = ModelClass(
    "CLIPTextModel",
    "transformers",
    defaults=defaults_of("CLIPTextModel"),
    wrong=wrong_settings_of("CLIPTextModel"),
    settings=_WITH_PICTURES,
    layout=_text_encoder,
    own=r"(embeddings|encoder|final_layer_norm)\.",
)
CLIP_TEXT_WITH_PROJECTION = ModelClass(
    "CLIPTextModelWithProjection",
    "transformers",
    defaults=defaults_of("CLIPTextModelWithProjection"),
    wrong=wrong_settings_of("CLIPTextModelWithProjection"),
    settings=_WITH_PICTURES,
    layout=_text_encoder_with_projection,
    own=r"(embeddings|encoder|final_layer_norm|text_projection)\.",
)


def _load_tokenizer(files: ComponentFiles, _: Any) -> Any:
    """The tokenizer of a folder, or one made from the config and vocabulary of a single file."""
    with importing():
        from transformers import CLIPTokenizer

    if not isinstance(files, TokenizerPart):
        return CLIPTokenizer.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    vocabulary, merges = files.vocabulary()
    with tempfile.TemporaryDirectory(prefix="graphflow-") as made:
        folder = Path(made)
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        lines = ["#version: 0.2", *map(" ".join, merges), ""]
        (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(files.config), encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


CLIP_TOKENIZER = ModelClass("CLIPTokenizer", "transformers", "tokenizer", tokenizer=tokenizer_of, load=_load_tokenizer)
CLIP_TOKENIZER_FAST = ModelClass(
    "CLIPTokenizerFast", "transformers", "tokenizer", tokenizer=tokenizer_of, load=_load_tokenizer
)
