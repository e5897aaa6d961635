"""Facts that are known about a value before it exists, so that wrong wiring is refused before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphflow.values.encoding import Encoding
from graphflow.values.latent_space import Noise
from graphflow.values.raster import Image, Mask
from graphflow.values.value_types import value_word

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from graphflow.values.control import ModelFiles


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one value; None means unknown.

    Attributes:
        width: pixels per row of a picture, or of the picture that latents stand for.
        height: its rows.
        space: the space of latents or of an image embedding; for a picture, that of the latents from which it was
            decoded.
        items: the facts of a list's items.
        word: the name of the type, if a port takes several types.
        noise: for latents: where their denoising stopped; None if it was completed.
        soft: whether a mask was given a soft edge.
        net: for a control signal: its ControlNet.
        masked: whether a control signal hides pixels from its ControlNet, as ControlNets for inpainting need it.
        encoding: for a conditioning: how its text is encoded.
        text: for a string: the text itself.
        content: returns the picture or mask itself, if it is available before the run; called by rules that need it.
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
    encoding: Encoding | None = None
    text: str | None = None
    content: Callable[[], Image | Mask] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height), or None if one of them is unknown."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def resized(self, width: int | None, height: int | None) -> Facts:
        """The facts of a picture of this size that is made from this one."""
        return Facts(width, height, word=self.word, soft=self.soft)


UNKNOWN = Facts()


def facts_of(value: Any) -> Facts:
    """The facts of a value that exists."""
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
        encoding=getattr(value, "encoding", None),
        text=value if isinstance(value, str) else None,
        content=(lambda: value) if isinstance(value, (Image, Mask)) else None,
    )
