"""A model component as steps name it, before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Component:
    """A model component that a step uses, known before it is loaded.

    Attributes:
        identity: what it *is*; two equal identities are one component, loaded once.
        nbytes: bytes it takes where it runs.
        label: how it is named to a person, such as `unet of embedded/sd`.
        spec: what a pool's loader needs to load it; never part of a comparison.
    """

    identity: str
    nbytes: int = 0
    label: str = field(default="", compare=False)
    spec: Any = field(default=None, compare=False, repr=False)
