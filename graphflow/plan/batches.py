"""Batches: groups of equal steps that differ only in their values, each computed in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphflow.plan.lower import Draft


def batches_of(steps: Sequence[Draft], most: Callable[[Draft], int]) -> list[tuple[int, ...]]:
    """The groups of steps that are computed in one call, two or more each, by number, in the order of the document.

    Steps are grouped if they have the same function, components, batch key and level. The level is the number of
    batchable steps on the longest path up to a step, so no step of a group needs a result of another one, and groups
    don't wait for each other in a circle.

    Args:
        steps: producers first.
        most: the most steps in a group with this one.
    """
    alike: dict[object, list[int]] = {}
    levels = [0] * len(steps)
    for number, step in enumerate(steps):
        level = max((levels[producer] for producer in step.reads), default=0)
        if is_batchable(step):
            level += 1
            alike.setdefault((level, *_kind(step)), []).append(number)
        levels[number] = level
    groups = [group for numbers in alike.values() for group in _parts(steps, numbers, most)]
    return [group for group in groups if len(group) > 1]


def is_batchable(step: Draft) -> bool:
    """Whether the step may be computed together with others."""
    return step.batch is not None and not step.batch.why_not and step.function.batched is not None


def _kind(step: Draft) -> tuple[object, ...]:
    """Everything in which the steps of a group are equal."""
    key = step.batch.key if step.batch is not None else ""
    uses = tuple(sorted((role, component.identity) for role, component in step.uses.items()))
    return step.function.identity, key, uses, frozenset(step.wanted), tuple(step.inputs), step.cache


def _parts(steps: Sequence[Draft], numbers: list[int], most: Callable[[Draft], int]) -> list[tuple[int, ...]]:
    """The numbers in the document's order, cut into groups."""
    ordered = sorted(numbers, key=lambda number: steps[number].position)
    size = max(most(steps[ordered[0]]), 1)
    return [tuple(ordered[start : start + size]) for start in range(0, len(ordered), size)]
