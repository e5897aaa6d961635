"""The arguments of several calls of a pipeline as those of one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.errors import InvalidValue


def merged(calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments of one call: pictures become a list, tensors are joined along their first axis, others are equal.

    Args:
        calls: the arguments of each call, with the same names.

    Raises:
        InvalidValue: another argument is not equal in all calls, or tensors have different sizes.
    """
    return {name: _one(name, [call[name] for call in calls]) for name in calls[0]}


def _one(name: str, values: list[Any]) -> Any:
    import torch
    from PIL import Image

    if isinstance(values[0], Image.Image):
        return values
    if not isinstance(values[0], torch.Tensor):
        if any(value != values[0] for value in values):
            raise InvalidValue(f"they differ in {name}")
        return values[0]
    if len({value.shape[1:] for value in values}) > 1:
        raise InvalidValue(f"their {name} have different sizes")
    return torch.cat(values)
