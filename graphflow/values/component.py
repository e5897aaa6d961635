"""A model component as steps name it, before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Component:
    """A model component that a step uses, known before it is loaded.

    Attributes:
        identity: says what it *is*; two components with equal identities are the same one, loaded once.
        nbytes: bytes of memory it takes on its device.
        label: its name in messages, such as `unet of embedded/sd`.
        spec: the data from which a pool's loader loads it; never part of a comparison.
        offload: where it is while nothing computes with it: `none` for its device; `model` for the CPU, as a whole,
            while other steps run; `group` for the CPU, from where each of its layers is moved for its own turn. It does
            not change results.
    """

    identity: str
    nbytes: int = 0
    label: str = field(default="", compare=False)
    spec: Any = field(default=None, compare=False, repr=False)
    offload: str = field(default="none", compare=False)

    @property
    def nbytes_in_use(self) -> int:
        """Bytes of memory that it takes on its device while a step uses it, without the layer that is computing."""
        return 0 if self.offload == "group" else self.nbytes
