"""A progress bar that shows nothing, for huggingface_hub; a subclass takes the progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self


class SilentBar:
    """A bar of huggingface_hub, which has two ways to download and tells them apart only in the bar's form.

    Attributes:
        n, total: of bytes; updated by the caller.
        format_dict: facts for texts beside the bar.
        of_xet: whether the bar is of a download by Xet.
    """

    n: float = 0
    total: float | None = None

    def __init__(self, *_: Any, **options: Any) -> None:
        self.of_xet = "bar_format" in options
        self.format_dict: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, count: float | None = 1) -> None:
        """Take in that more bytes of the file are here; fewer if the number is negative."""

    def update_transfer(self, count: float) -> None:
        """Take in that bytes came over the network, which are not always those of the file."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        # Versions differ in what else they call, all of which is about how a bar looks.
        if name.startswith("_"):
            raise AttributeError(name)
        return _nothing


def _nothing(*_: Any, **__: Any) -> None:
    return None
