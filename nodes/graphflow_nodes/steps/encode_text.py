"""The step that encodes a text; every stage that reads the same text in the same way shares it."""

from __future__ import annotations

from typing import Any

from graphflow.catalog.authoring import Context, step
from graphflow.values.tensor_values import Conditioning


@step(version=1)
def encode_text(
    text: str, context: Context, *, readout: str = "sd", encoder: str = "", clip_skip: int | None = None
) -> Conditioning:
    """Encode one text with one text encoder.

    Args:
        readout: `sd` is the last hidden state after the final norm; `xl` the last but one without it, and the
            pooled output where the encoder has one. Both (1, tokens, width), pooled (1, width).
        encoder: identity of the text encoder, kept with the result.
        clip_skip: layers to skip from the end. Computed here for `sd`, since the plain call fails with today's
            transformers; the norm still follows.

    Source: encode_prompt of StableDiffusionPipeline and StableDiffusionXLPipeline.
    """
    import torch
    from diffusers.loaders import TextualInversionLoaderMixin

    tokenizer, model = context.borrow("tokenizer"), context.borrow("text_encoder")
    # A word that stands for several vectors becomes several words, one for each.
    text = TextualInversionLoaderMixin().maybe_convert_prompt(text, tokenizer)
    tokens = tokenizer(
        text, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    if cut := _beyond(text, tokenizer):
        why = f"it reads {tokenizer.model_max_length - 2} tokens, and leaves out: {cut}"
        context.warn("the text is longer than its encoder reads", why, "say it in fewer words")
    with torch.no_grad():
        if readout == "xl":
            embeds, pooled = _penultimate(model, tokens.input_ids.to(model.device), clip_skip)
        else:
            embeds, pooled = _last(model, tokens, clip_skip), None
    return Conditioning(embeds, pooled_prompt_embeds=pooled, readout=readout, encoder=encoder)


def _beyond(text: str, tokenizer: Any) -> str:
    """The end of a text that does not fit any more; empty where all of it does."""
    most = tokenizer.model_max_length
    if len(text.encode()) <= most - 2:
        # A token takes a byte at least.
        return ""
    return str(tokenizer.decode(tokenizer(text, verbose=False).input_ids[most - 1 : -1])).strip()


def _last(model: Any, tokens: Any, clip_skip: int | None) -> Any:
    ids = tokens.input_ids.to(model.device)
    mask = tokens.attention_mask.to(model.device) if getattr(model.config, "use_attention_mask", False) else None
    if clip_skip is None:
        return model(ids, attention_mask=mask)[0]
    hidden = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    return getattr(model, "text_model", model).final_layer_norm(hidden[-(clip_skip + 1)])


def _penultimate(model: Any, ids: Any, clip_skip: int | None) -> tuple[Any, Any]:
    told = model(ids, output_hidden_states=True)
    return told.hidden_states[-((clip_skip or 0) + 2)], told[0] if told[0].ndim == 2 else None
