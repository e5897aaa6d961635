"""The steps that encode texts whose words have weights, with compel, and join them into one conditioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.execute.loader import quiet
from graphflow.values.tensor_values import Conditioning
from graphflow_nodes.steps.conditioning import joined
from graphflow_nodes.steps.encode_text import beyond


@step(version=1)
def weigh_last(text: str, context: Context, *, readout: str = "", encoder: str = "") -> Conditioning:
    """Encode a text with weights.

    The result is the last hidden state of a CLIP text encoder, after its final norm.

    Args:
        readout, encoder: names of the hidden state and the text encoder, kept with the result.

    Returns:
        `prompt_embeds`, (1, tokens, width); a text that is longer than one window of tokens has several.

    Source: CompelForSD.
    """
    import torch

    # Importing it, and reading a long text, make transformers log warnings that do not matter here.
    with torch.no_grad(), quiet():
        embeds = _compel(context, "LAST_HIDDEN_STATES_NORMALIZED")(text)
    return Conditioning({"prompt_embeds": embeds}, readout, encoder)


@step(version=1)
def weigh_penultimate(text: str, context: Context, *, readout: str = "", encoder: str = "") -> Conditioning:
    """Encode a text with weights.

    The result is the penultimate hidden state of a CLIP text encoder, without the final norm.

    Args:
        readout, encoder: names of the hidden state and the text encoder, kept with the result.

    Returns:
        `prompt_embeds`, (1, tokens, width), and `pooled_prompt_embeds`, (1, width), if the encoder projects its output.
        The pooled tensor is of the text as it is written, so weights have no effect on it, and of one window only.

    Source: CompelForSDXL.
    """
    import torch

    model, tokenizer = context.borrow("text_encoder"), context.borrow("tokenizer")
    with torch.no_grad(), quiet():
        compel = _compel(context, "PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED")
        tensors = {"prompt_embeds": compel(text)}
        if hasattr(model, "text_projection"):
            tensors["pooled_prompt_embeds"] = compel.conditioning_provider.get_pooled_embeddings(
                [text], device=model.device
            )
    if "pooled_prompt_embeds" in tensors and (cut := beyond(text, tokenizer)):
        why = f"its pooled embedding reads {tokenizer.model_max_length - 2} tokens and ignores: {cut}"
        context.warn("the text is not read completely", why, "shorten the text, or give a short prompt_2")
    return Conditioning(tensors, readout, encoder)


@dataclass(frozen=True)
class Joining:
    """How the texts of several text encoders become one conditioning.

    Attributes:
        readout: of the family; kept with the result.
        axes: tensor → axis along which those of several text encoders are joined.
    """

    readout: str
    axes: Mapping[str, int]

    def shown(self) -> dict[str, Any]:
        """What a person wants to know of it."""
        return {"readout": self.readout}


def _compel(context: Context, readout: str) -> Any:
    from compel import Compel, ReturnedEmbeddingsType

    tokenizer, model = context.borrow("tokenizer"), context.borrow("text_encoder")
    return Compel(
        tokenizer,
        model,
        textual_inversion_manager=_words_of(tokenizer),
        truncate_long_prompts=False,
        returned_embeddings_type=ReturnedEmbeddingsType[readout],
        device=model.device,
    )


def _words_of(tokenizer: Any) -> Any:
    """Compel's reader of words that have several vectors; None if embeddings have added no words."""
    if all(token.special for token in tokenizer.added_tokens_decoder.values()):
        return None
    from compel import DiffusersTextualInversionManager
    from diffusers.loaders import TextualInversionLoaderMixin

    reader = TextualInversionLoaderMixin()
    reader.tokenizer = tokenizer
    return DiffusersTextualInversionManager(reader)


@step(version=1)
def join_texts(
    positive: list[Conditioning],
    negative: list[Conditioning] | None = None,
    padding: list[Conditioning] | None = None,
    *,
    joining: Joining,
) -> Conditioning:
    """Join encoded texts.

    Those of several text encoders are joined into one conditioning, with the negative text. Shorter ones are
    continued with empty texts, so that all have the same number of tokens.

    Args:
        positive, negative: the text as encoded by each text encoder.
        padding: an empty text as encoded by each; None if all texts have one window.
        joining: how they are joined.
    """
    texts = [*positive, *(negative or ())]
    longest = max(one.tensors["prompt_embeds"].shape[1] for one in texts)
    prompt = joined(_padded(positive, padding, longest), joining.axes)
    below = joined(_padded(negative, padding, longest), joining.axes) if negative else {}
    tensors = prompt | {f"negative_{name}": tensor for name, tensor in below.items()}
    return Conditioning(tensors, joining.readout, " + ".join(dict.fromkeys(one.encoder for one in positive)))


def _padded(
    texts: Sequence[Conditioning], padding: Sequence[Conditioning] | None, longest: int
) -> list[dict[str, Any]]:
    """The tensors of each text, with `prompt_embeds` of (1, `longest`, width)."""
    import torch

    padded = []
    for number, text in enumerate(texts):
        tensors = dict(text.tensors)
        missing = longest - tensors["prompt_embeds"].shape[1]
        if missing:
            if padding is None:
                raise ValueError("texts of several windows need an empty text to pad them with")
            empty = padding[number].tensors["prompt_embeds"]
            tensors["prompt_embeds"] = torch.cat(
                [tensors["prompt_embeds"], *[empty] * (missing // empty.shape[1])], dim=1
            )
        padded.append(tensors)
    return padded
