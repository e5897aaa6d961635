"""Encoded texts as arguments of a call: joined over text encoders, with the negative text if it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.errors import InvalidValue
from graphflow.values.sampling import Sampling
from graphflow.values.tensor_values import Conditioning


def arguments_of(
    positive: Sequence[Conditioning], negative: Sequence[Conditioning] | None, sampling: Sampling
) -> dict[str, Any]:
    """The tensors of both texts under the argument names of a pipeline.

    Args:
        positive: the prompt as encoded by each text encoder, or one conditioning with everything.
        negative: the same for the negative prompt; None if it comes with `positive`, is all zeros, or is not needed.
        sampling: says which texts are needed.

    Raises:
        InvalidValue: the conditioning was encoded in another way than the family's, or lacks the negative text.
    """
    _require_fitting(positive[0], sampling, negative_given=bool(negative))
    prompt = joined([one.positive for one in positive], sampling.joined)
    if negative:
        below = joined([one.positive for one in negative], sampling.joined)
    elif positive[0].negative:
        below = positive[0].negative
    elif sampling.zeros:
        import torch

        below = {name: torch.zeros_like(tensor) for name, tensor in prompt.items()}
    else:
        below = {}
    return {**prompt, **{f"negative_{name}": tensor for name, tensor in below.items()}}


def _require_fitting(positive: Conditioning, sampling: Sampling, *, negative_given: bool) -> None:
    readout = sampling.readout
    if positive.readout and readout and positive.readout not in (readout, *readout.split(" + ")):
        why = f"it was encoded as {positive.readout}, but this checkpoint reads {readout}"
        raise InvalidValue(f"the conditioning belongs to another family: {why}")
    if sampling.guided and not negative_given and not sampling.zeros and not positive.negative:
        raise InvalidValue("guidance_scale is above 1, but the conditioning has no negative embeddings")


def joined(texts: Sequence[Mapping[str, Any]], axes: Mapping[str, int]) -> dict[str, Any]:
    """The tensors of all text encoders: joined along the axis given for each, else the last encoder's."""
    merged: dict[str, Any] = {}
    for text in texts:
        for name, tensor in text.items():
            if name in merged and name in axes:
                import torch

                merged[name] = torch.concat([merged[name], tensor], dim=axes[name])
            else:
                merged[name] = tensor
    return merged
