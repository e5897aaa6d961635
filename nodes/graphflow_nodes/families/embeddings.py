"""Embeddings of the families with CLIP text encoders: the names of their tensors, and how words are added.

Source: load_textual_inversion of diffusers' TextualInversionLoaderMixin; `clip_l` and `clip_g` are the names of its
training scripts for SDXL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.checkpoints.embedding import EmbeddingTarget


def _add(tokenizer: Any, encoder: Any, vectors: Mapping[str, Any]) -> None:
    """Add words to a tokenizer, and their vectors to the table of its text encoder, unless this is None."""
    import torch

    known = len(tokenizer)
    tokenizer.add_tokens(list(vectors))
    if encoder is None:
        return
    table = encoder.get_input_embeddings()
    rows = torch.stack([vector.to(table.weight) for vector in vectors.values()])
    # As diffusers does it: rows of the table that no token has are dropped, so that the words come next.
    weight = torch.cat([table.weight.detach()[:known], rows])
    encoder.set_input_embeddings(torch.nn.Embedding(weight.shape[0], weight.shape[1], _weight=weight))


SD_EMBEDDINGS = (EmbeddingTarget("text_encoder", "tokenizer", "hidden_size", "", _add),)
SDXL_EMBEDDINGS = (
    EmbeddingTarget("text_encoder", "tokenizer", "hidden_size", "clip_l", _add),
    EmbeddingTarget("text_encoder_2", "tokenizer_2", "hidden_size", "clip_g", _add),
)
