"""The steps that encode a text with CLIP; stages that encode the same text in the same way share a step."""

from __future__ import annotations

from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.tensor_values import Conditioning


@step(version=2)
def encode_last(
    text: str, context: Context, *, readout: str = "", encoder: str = "", clip_skip: int | None = None
) -> Conditioning:
    """Encode a text.

    The result is the last hidden state of a CLIP text encoder, after its final norm.

    Args:
        readout, encoder: names of the hidden state and the text encoder, kept with the result.
        clip_skip: layers to skip from the end, 1 or more. Computed here, since the plain call fails with the tested
            transformers; the norm is still applied.

    Returns:
        `prompt_embeds`, (1, tokens, width).

    Source: encode_prompt of StableDiffusionPipeline.
    """
    import torch

    tokens, model = _tokens(text, context), context.borrow("text_encoder")
    ids = tokens.input_ids.to(model.device)
    mask = tokens.attention_mask.to(model.device) if getattr(model.config, "use_attention_mask", False) else None
    with torch.no_grad():
        if clip_skip is None:
            embeds = model(ids, attention_mask=mask)[0]
        else:
            hidden = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
            embeds = getattr(model, "text_model", model).final_layer_norm(hidden[-(clip_skip + 1)])
    return Conditioning({"prompt_embeds": embeds}, readout, encoder)


@step(version=2)
def encode_penultimate(
    text: str, context: Context, *, readout: str = "", encoder: str = "", clip_skip: int | None = None
) -> Conditioning:
    """Encode a text.

    The result is the penultimate hidden state of a CLIP text encoder, without the final norm.

    Args:
        readout, encoder: names of the hidden state and the text encoder, kept with the result.
        clip_skip: further layers to skip from the end, 1 or more.

    Returns:
        `prompt_embeds`, (1, tokens, width), and `pooled_prompt_embeds`, (1, width), if the encoder projects its output.

    Source: encode_prompt of StableDiffusionXLPipeline.
    """
    import torch

    tokens, model = _tokens(text, context), context.borrow("text_encoder")
    with torch.no_grad():
        output = model(tokens.input_ids.to(model.device), output_hidden_states=True)
    tensors = {"prompt_embeds": output.hidden_states[-((clip_skip or 0) + 2)]}
    if output[0].ndim == 2:
        tensors["pooled_prompt_embeds"] = output[0]
    return Conditioning(tensors, readout, encoder)


@step(version=1)
def encode_with_summary(
    text: str, context: Context, *, readout: str = "", encoder: str = "", clip_skip: int | None = None
) -> Conditioning:
    """Encode a text.

    The result is the last hidden state of a CLIP text encoder, before its final norm, and the state of its last token.

    Args:
        readout, encoder: names of the hidden state and the text encoder, kept with the result.
        clip_skip: None; the class does not have it.

    Returns:
        `prompt_embeds`, (1, tokens, width), and `pooled_prompt_embeds`, (1, width).

    Source: encode_prompt of StableDiffusionLatentUpscalePipeline.
    """
    import torch

    tokens, model = _tokens(text, context), context.borrow("text_encoder")
    with torch.no_grad():
        output = model(tokens.input_ids.to(model.device), output_hidden_states=True)
    tensors = {"prompt_embeds": output.hidden_states[-1], "pooled_prompt_embeds": output.pooler_output}
    return Conditioning(tensors, readout, encoder)


def _tokens(text: str, context: Context) -> Any:
    """The token numbers of a text, padded to the tokenizer's length; warns if the text is cut off."""
    from diffusers.loaders import TextualInversionLoaderMixin

    tokenizer = context.borrow("tokenizer")
    # A word that stands for several vectors becomes several words, one for each.
    text = TextualInversionLoaderMixin().maybe_convert_prompt(text, tokenizer)
    warn_of_cut(text, tokenizer, context)
    return tokenizer(
        text, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )


def warn_of_cut(text: str, tokenizer: Any, context: Context) -> None:
    """Warn of what is cut off a text that is longer than its encoder reads."""
    if cut := beyond(text, tokenizer):
        why = f"it reads {tokenizer.model_max_length - 2} tokens and ignores: {cut}"
        context.warn("the text is too long for its encoder", why, "shorten the text")


def beyond(text: str, tokenizer: Any) -> str:
    """The end of a text that is cut off; empty if all of it is read."""
    most = tokenizer.model_max_length
    if len(text.encode()) <= most - 2:
        # A token has at least one byte.
        return ""
    return str(tokenizer.decode(tokenizer(text, verbose=False).input_ids[most - 1 : -1])).strip()
