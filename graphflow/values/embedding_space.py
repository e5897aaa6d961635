"""Spaces of image embeddings: which encoder sees pictures in one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class EmbeddingSpace:
    """The space of image embeddings.

    Attributes:
        encoder: identity of the image encoder.
        width: how many numbers an embedding has.
    """

    encoder: str
    width: int

    def to_json(self) -> str:
        """The space as text, for files."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> EmbeddingSpace:
        """The space that `to_json` wrote."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return f"embeddings of {self.width} numbers"
