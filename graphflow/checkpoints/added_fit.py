"""Whether the files that are added to a checkpoint fit its parts, by their headers."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from graphflow.checkpoints.components import ComponentFiles
from graphflow.checkpoints.embedding import Embedding, EmbeddingTarget, Words
from graphflow.checkpoints.family import Family
from graphflow.checkpoints.lora import Lora, LoraTarget
from graphflow.document.refusal import Refusal

Components = Mapping[str, ComponentFiles]


def check_lora(name: str, lora: Lora, components: Components, targets: tuple[LoraTarget, ...]) -> None:
    """Refuse a LoRA for another family; diffusers would fail with a mismatch of tensors, or ignore it.

    Args:
        name: name of the checkpoint.
        lora: the LoRA.
        components: of the checkpoint.
        targets: the components that it may change.

    Raises:
        Refusal: it does not fit.
    """
    known = {target.role: target for target in targets}
    whys = []
    for role in sorted(lora.roles, key=lambda role: (role in components, role)):
        if role not in components:
            whys.append(f"it changes a {role}, and the checkpoint has none")
        elif role not in known:
            whys.append(f"it changes a {role}, which LoRAs of this family cannot change")
        else:
            whys.append(lora.misfit(known[role], components[role].full_config))
    if why := next(filter(None, whys), ""):
        message = f"the LoRA {lora.file.path.name} does not fit the checkpoint {name}"
        raise Refusal("wrong-part", message, why, "take a LoRA for models of this family", place=lora.place)


def widths_of(targets: Iterable[EmbeddingTarget], components: Components) -> dict[EmbeddingTarget, int]:
    """The text encoders of a checkpoint to which words can be added, with the width of a word's vector."""
    configs = {target: components[target.role].full_config for target in targets if target.role in components}
    widths = {target: config.get(target.setting) for target, config in configs.items()}
    return {target: width for target, width in widths.items() if isinstance(width, int)}


def check_embeddings(
    name: str, embeddings: tuple[Embedding, ...], components: Components, family: Family | None
) -> None:
    """Refuse an embedding for other text encoders, or one whose word the tokenizer knows already.

    Args:
        name: name of the checkpoint.
        embeddings: in the order in which they are added.
        components: of the checkpoint.
        family: of the checkpoint.

    Raises:
        Refusal: one does not fit.
    """
    targets = () if family is None else family.embeddings
    widths, taken = widths_of(targets, components), defaultdict[str, set[str]](set)
    if targets and not widths:
        return  # Its parts are missing or broken, which is reported.
    for one in embeddings:
        why = one.misfit(widths) if targets else f"words cannot be added to {family.name if family else 'it'}"
        if why:
            message = f"the embedding {one.file.path.name} does not fit the checkpoint {name}"
            fix = "take an embedding for models of this family" if targets else "remove it"
            raise Refusal("wrong-part", message, why, fix, place=one.place)
        for target in widths:
            if (words := one.words(widths).get(target.role)) is not None:
                _check_words(name, one, words, components.get(target.tokenizer), taken[target.tokenizer])


def _check_words(
    name: str, embedding: Embedding, words: Words, tokenizer: ComponentFiles | None, taken: set[str]
) -> None:
    """Refuse words that the tokenizer knows, or that another embedding has added, and add the others to `taken`."""
    facts = None
    if tokenizer is not None:
        with contextlib.suppress(Refusal):  # A broken tokenizer is reported with the checkpoint.
            facts = tokenizer.tokenizer
    # One more word would be read as another vector of these.
    for token in (*words.tokens, f"{embedding.token}_{len(words.tokens)}"):
        known = facts is not None and facts.knows(token)
        if known or token in taken:
            why = "the tokenizer knows it" if known else "another embedding adds it"
            source = embedding.file.path.name
            fix = f"give the embedding another word: {{source: {source}, token: <{embedding.token}>}}"
            message = f"the checkpoint {name} has the word {token} already"
            raise Refusal("bad-value", message, why, fix, place=embedding.place)
    taken.update(words.tokens)
