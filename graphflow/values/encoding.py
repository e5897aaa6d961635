"""Facts of an encoded text that are known before it is encoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a text is encoded; a checkpoint that reads it otherwise refuses it.

    Attributes:
        readout: what is read of the text encoders, in words; empty if unknown.
        width: numbers per token; None if unknown.
        negative: whether a negative text is encoded with it.
    """

    readout: str = ""
    width: int | None = None
    negative: bool = False
