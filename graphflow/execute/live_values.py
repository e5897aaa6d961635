"""Held values: the results of steps, each kept in memory until its last reader is done.

A value that is not held may be in the store; if the store has lost it, its step is executed again.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any

from graphflow.document.refusal import Refusal, outside_list
from graphflow.document.scalars import write_scalar
from graphflow.errors import InvalidValue
from graphflow.execute.store_use import Kept
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput, StepSource
from graphflow.store.store import GONE
from graphflow.values.sources import Format, Gather, ItemOf, Value

NO_CALLS: Mapping[int, Sequence[int]] = MappingProxyType({})


class Outside(InvalidValue):
    """A source reads an item beyond the end of a list.

    Attributes:
        step: number of the step that returned the list.
        refusal: the problem, with the name of the list.
    """

    def __init__(self, source: ItemOf[StepOutput], count: int, path: str) -> None:
        self.step = source.source.step
        self.refusal: Refusal = outside_list(f"${path}.{source.source.output}", source.item, count)
        super().__init__(f"item {source.item} was asked for, and the list has {count}")


class Held:
    """The values of one run.

    Args:
        plan: the plan that is run.
        kept: results of the plan's steps in a store.
    """

    def __init__(self, plan: Plan, kept: Kept) -> None:
        self._steps = plan.steps
        self._kept = kept
        self._readers = list(plan.lifetimes.readers)
        self._values: list[dict[str, Any] | None] = [None] * len(plan.steps)

    def put(self, number: int, outputs: dict[str, Any]) -> None:
        """Hold the outputs of a step."""
        self._values[number] = outputs

    def has(self, output: StepOutput) -> bool:
        """Whether a value is held."""
        return output.output in (self._values[output.step] or ())

    def fetch(self, producer: int, outputs: Set[str]) -> bool:
        """Read outputs of a step from the store if they are not held; returns whether all of them are held now."""
        held = self._values[producer]
        if held is not None and outputs <= held.keys():
            return True
        fetched = {}
        for output in outputs:
            fetched[output] = self._kept.content(producer, self._steps[producer], output)
            if fetched[output] is GONE:
                return False
        self._values[producer] = {**(held or {}), **fetched}
        return True

    def value(self, source: StepSource) -> Any:
        """The value of a source whose outputs are held.

        Raises:
            Outside: it reads an item beyond the end of a list.
        """
        if type(source) is StepOutput:
            return self._values[source.step][source.output]  # type: ignore[index]
        if isinstance(source, Value):
            return source.value
        if isinstance(source, Gather):
            return tuple([self.value(item) for item in source.items])
        if isinstance(source, ItemOf):
            whole = self.value(source.source)
            if source.item >= len(whole):
                raise Outside(source, len(whole), self._steps[source.source.step].node.path)
            return whole[source.item]
        if isinstance(source, Format):
            return "".join([part if isinstance(part, str) else write_scalar(self.value(part)) for part in source.parts])
        raise TypeError(f"{source} has no value")

    def lost(
        self, numbers: Sequence[int], bad: Container[int], same_call: Mapping[int, Sequence[int]] = NO_CALLS
    ) -> dict[int, Mapping[int, Set[str]]]:
        """Steps and all producers that have to be executed again for them, each with its reads: producer → outputs.

        Args:
            numbers: the steps.
            bad: steps without a result; their own producers are ignored, since they are not executed again.
            same_call: step → the steps that were computed in one call with it, which are executed again with it.
        """
        lost = {number: self._steps[number].reads for number in numbers}
        pending = list(numbers)
        while pending:
            reader = pending.pop()
            for producer, outputs in lost[reader].items() if reader not in bad else ():
                if producer not in lost and not self.fetch(producer, outputs):
                    again = [one for one in same_call.get(producer, (producer,)) if one not in lost]
                    lost.update({one: self._steps[one].reads for one in again})
                    pending += again
        return lost

    def release(self, producer: int) -> None:
        """Count one reader of a step as done; after the last one, its values are freed."""
        self._readers[producer] -= 1
        self.free(producer)

    def free(self, producer: int) -> None:
        """Free the values of a step, unless a reader still needs them."""
        if self._readers[producer] <= 0:
            self._values[producer] = None

    def clear(self) -> None:
        """Free all values, at the end of the run."""
        self._values = []
