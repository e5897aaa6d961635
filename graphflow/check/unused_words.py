"""Hints about embeddings whose words are in no text that their text encoders read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from graphflow.check.checked import ExpandedNode
from graphflow.checkpoints.checkpoint import Checkpoint
from graphflow.checkpoints.embedding import Embedding
from graphflow.checkpoints.placed import Placed
from graphflow.problems import NOWHERE, Problem
from graphflow.values.facts import UNKNOWN


def unused_words(nodes: Sequence[ExpandedNode]) -> Iterator[Problem]:
    """Hints about words that no text has; there are none if some text is not known yet.

    Args:
        nodes: with the results of their plan functions.
    """
    texts: dict[Embedding, list[str | None]] = defaultdict(list)
    for node in nodes:
        for value in node.params.values():
            for embedding in value.details.embeddings if isinstance(value, Checkpoint) else ():
                texts[embedding] += _texts(node)
    for embedding, read in texts.items():
        known = [text.lower() for text in read if text is not None]
        # Tokenizers don't distinguish capitals.
        if known and len(known) == len(read) and not any(embedding.token.lower() in text for text in known):
            message = f"no text has the word {embedding.token} of {embedding.file.path.name}"
            fix = f"write {embedding.token} in a prompt, or remove the embedding"
            yield Problem("node-hint", message, "so the embedding has no effect", fix, embedding.place or NOWHERE)


def _texts(node: ExpandedNode) -> Iterator[str | None]:
    """The texts that a node reads with text encoders to which words were added; None for one that is not known."""
    for step in node.planned.steps if node.planned is not None else ():
        if any(isinstance(part.spec, Placed) and part.spec.words is not None for part in step.uses.values()):
            for port in step.inputs.values():
                if isinstance(port, str):
                    yield node.port_facts.get(port, UNKNOWN).text
