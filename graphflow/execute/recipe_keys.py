"""Recipe keys: steps with equal keys have equal results, in any process.

A key is a digest of the step function (its module and name, version and source), its params and components
(together the planned step's `key`), the digests of its inputs, and its environment.

If a step was computed in one call with others, its key also has the number of steps in the call and its own place
among them, since bits of the result depend on both. The other steps are not part of the key: a result can be used in a
batch with other steps, but never for a step that is computed alone or in a batch of another size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphflow.plan.sources import StepOutput, StepSource
from graphflow.plan.step import PlannedStep
from graphflow.values.any_value import digest_of
from graphflow.values.sources import Format, Gather, ItemOf, Value

Digests = Sequence[Mapping[str, str] | None]
"""Per step of the plan: output → digest."""


class BatchPlace(NamedTuple):
    """The place of a step, from 0, in a call that computes `size` steps."""

    number: int
    size: int


def places_of(numbers: Sequence[int]) -> dict[int, BatchPlace | None]:
    """The place of each step in one call; None for a single step."""
    if len(numbers) == 1:
        return {numbers[0]: None}
    return {number: BatchPlace(place, len(numbers)) for place, number in enumerate(numbers)}


def recipe_key(
    step: PlannedStep, digests: Digests, environment: str | None, place: BatchPlace | None = None
) -> str | None:
    """The recipe key of a step; None if its environment or the digest of an input is not known.

    Args:
        step: of the plan.
        digests: of the steps before it.
        environment: of the step.
        place: in the call that computes it with others; None if it is computed alone.
    """
    if environment is None:
        return None
    lines = [step.key, environment]
    if place is not None:
        lines.append(f"{place.number} of {place.size} by {step.function.batched_identity}")
    try:
        for name, source in step.inputs.items():
            lines.append(name)
            lines.append(source_digest(source, digests))
    except _UnknownDigest:
        return None
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class _UnknownDigest(Exception):
    """A step's result has no digest: the step failed, or its result could not be digested."""


def source_digest(source: StepSource, digests: Digests) -> str:
    """The digest of a source's value; raises `_UnknownDigest` if a step's result has none."""
    if type(source) is StepOutput:
        known = digests[source.step]
        if known is None or source.output not in known:
            raise _UnknownDigest
        return known[source.output]
    if isinstance(source, Value):
        return digest_of(source.value)
    if isinstance(source, Gather):
        return "list " + " ".join([source_digest(item, digests) for item in source.items])
    if isinstance(source, ItemOf):
        return f"item {source.item} {source_digest(source.source, digests)}"
    if isinstance(source, Format):
        parts = [repr(part) if isinstance(part, str) else source_digest(part, digests) for part in source.parts]
        return "text " + " ".join(parts)
    raise TypeError(f"{source} has no value")
