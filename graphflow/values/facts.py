"""What is known of a value before it exists: enough to refuse a wrong wiring without running anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphflow.values.latent_space import Noise
from graphflow.values.value import Image, Mask, value_word

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from graphflow.values.control import ModelFiles


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one value; None means unknown.

    Attributes:
        width: pixels a row of a picture, or of the picture that latents stand for.
        height: rows of it.
        space: the latent space of latents; of a picture, that of the latents that it was decoded from.
        items: the facts of a list's items.
        word: the type's word, where a port takes several types.
        noise: of latents: where their denoising ended, None where it came to its end.
        soft: whether a mask was given a soft edge.
        net: of a control signal: the ControlNet that it is for.
        masked: whether a control signal hides pixels from its ControlNet, as those for inpainting want it.
        content: gives the picture or mask itself, where it can be had before the run; called by rules that need it.
    """

    width: int | None = None
    height: int | None = None
    space: Hashable | None = None
    items: tuple[Facts, ...] | None = None
    word: str | None = None
    noise: Noise | None = None
    soft: bool = False
    net: ModelFiles | None = None
    masked: bool = False
    content: Callable[[], Image | Mask] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height), or None where one of them is unknown."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def resized(self, width: int | None, height: int | None) -> Facts:
        """The facts of another picture of this size that is made from it."""
        return Facts(width, height, word=self.word, soft=self.soft)


UNKNOWN = Facts()


def facts_of(value: Any) -> Facts:
    """All that a value shows of itself once it is there."""
    if isinstance(value, tuple):
        return Facts(items=tuple(facts_of(item) for item in value))
    return Facts(
        getattr(value, "width", None),
        getattr(value, "height", None),
        getattr(value, "space", None),
        word=value_word(value),
        noise=getattr(value, "noise", None),
        net=getattr(value, "net", None),
        masked=getattr(value, "mask", None) is not None,
        content=(lambda: value) if isinstance(value, (Image, Mask)) else None,
    )
