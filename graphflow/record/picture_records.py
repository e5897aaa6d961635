"""The texts of a run's pictures: the record of the run, or of the smaller run that makes the same picture."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from graphflow.check.alone import checked_alone
from graphflow.check.checked import Alone, AloneOutput
from graphflow.check.sources import NodeOutput, without_absent
from graphflow.plan.plan import Plan, plan
from graphflow.record.outputs import kind_of
from graphflow.record.picture_text import NO_TEXT, PictureText
from graphflow.values.any_value import digest_of
from graphflow.values.sources import Gather, ItemOf

if TYPE_CHECKING:
    from graphflow.record.run_record import RunRecord


class _Made(NamedTuple):
    """A run that makes a picture, and which of its outputs the picture is."""

    plan: Plan
    recipe: str
    output: str
    item: int | None


class PictureRecords:
    """The text that each picture of a run contains.

    A picture from a template with `run_seed` contains the record of the template alone, with its inputs and its seed,
    so that the picture can be made again without the others.

    Args:
        plan: the plan of the run.
        record: of the run; what torch reports must be in it before the first picture is written.
        repeats: the record of the run that this one repeats, which the pictures contain as far as it still applies.
    """

    def __init__(self, plan: Plan, record: RunRecord, repeats: RunRecord | None) -> None:
        self._plan = plan
        self._record = record
        self._repeats = repeats
        self._alone: dict[int, tuple[Plan, str]] = {}

    def text(self, output: str, item: int | None, value: Any) -> PictureText:
        """The texts in the picture of `value`: the output, or an item of it."""
        if not self._record.pictures.metadata:
            return NO_TEXT
        from graphflow.record.parameters_text import parameters_text
        from graphflow.record.record_parts import MadeRecord

        run = self._run(output, item)
        made = MadeRecord(output=run.output, item=run.item, kind=kind_of(value), digest=digest_of(value))
        record = f'{run.recipe.removesuffix("}")},"made":{made.model_dump_json()}}}'
        return PictureText(record, parameters_text(run.plan, run.output, run.item, (value.width, value.height)))

    def _run(self, output: str, item: int | None) -> _Made:
        alone = self._alone_output(output, item)
        if alone is not None:
            return _Made(*self._of(alone.graph), alone.output, alone.item)
        return _Made(self._plan, self._whole_recipe, output, item)

    @functools.cached_property
    def _whole(self) -> RunRecord:
        """The record of the whole run; what pictures contain of it does not change after the first picture."""
        if self._repeats is None:
            return self._record
        from graphflow.record.same_recipe import same_recipe

        return same_recipe(self._record, self._repeats)

    @functools.cached_property
    def _whole_recipe(self) -> str:
        return self._whole.recipe()

    def _alone_output(self, output: str, item: int | None) -> AloneOutput | None:
        checked, compute = self._plan.checked, self._record.compute
        if compute is not None and compute.options.get("batch", 1) != 1:
            # Bits of a result depend on the size of its call, which would be another one in the template alone.
            return None
        source = checked.outputs[output]
        if item is not None:
            source = without_absent(source)
            source = source.items[item] if isinstance(source, Gather) else source
        return checked.alone.get(source) if isinstance(source, (NodeOutput, ItemOf)) else None

    def _of(self, graph: Alone) -> tuple[Plan, str]:
        """The plan and the record of a graph alone."""
        known = self._alone.get(id(graph))
        if known is None:
            from graphflow.record.describe import describe

            planned = plan(checked_alone(graph, self._plan.checked))
            record = describe(planned)
            record.pictures = self._whole.pictures
            if planned.uses_torch:
                # What torch reports is the same for every part of a run.
                record.compute = self._whole.compute
                update = {"dtypes": record.environment.dtypes}
                record.environment = self._whole.environment.model_copy(update=update)
            known = self._alone[id(graph)] = planned, record.recipe()
        return known
