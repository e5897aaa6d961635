"""Collects what the report shows while the run goes on: thumbnails and values; `report.py` makes the page of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from graphflow.check.literals import Picture
from graphflow.errors import FileProblem
from graphflow.execute.events import OutputReady
from graphflow.plan.plan import Plan
from graphflow.plan.sources import StepOutput
from graphflow.values.picture_files import read_picture
from graphflow.values.raster import Image
from graphflow.values.sources import Gather

if TYPE_CHECKING:
    from graphflow.record.report import Shown
    from graphflow.record.run_record import RunRecord
    from graphflow.record.thumbnails import Thumbnail

STEP_EDGE = 240
"""Longest side, in pixels, of the thumbnail of an input or a step."""

MOST_STEPS = 100
"""Most steps with a thumbnail, so that a phone can load the report."""


class ReportCollector:
    """Thumbnails of a plan's steps, and its outputs as the report shows them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps: dict[str, Thumbnail] = {}
        self._outputs: dict[str, list[Shown]] = {}

    def add_step(self, step: str, values: Mapping[str, Any]) -> None:
        """Keep a thumbnail of a step's first value that is a picture."""
        from graphflow.record.thumbnails import thumbnail

        if step not in self._steps and len(self._steps) < MOST_STEPS:
            small = next((small for value in values.values() if (small := thumbnail(value, STEP_EDGE))), None)
            if small is not None:
                self._steps[step] = small

    def add_output(self, event: OutputReady, files: Sequence[str]) -> None:
        """Keep an output and its files, and thumbnails of the steps that made it."""
        from graphflow.record.report import shown

        self._outputs[event.name] = shown(event.value, files)
        source = self._plan.outputs[event.name]
        items = [(source, event.value)]
        if isinstance(source, Gather):
            numbers = range(len(source.items)) if event.items is None else event.items
            items = list(zip([source.items[number] for number in numbers], event.value, strict=False))
        for part, item in items:
            if isinstance(part, StepOutput):
                self.add_step(self._plan.steps[part.step].path, {event.name: item})

    def render(self, record: RunRecord) -> str:
        """The report as HTML."""
        from graphflow.draw.drawing import of_checked
        from graphflow.draw.svg import svg
        from graphflow.record.report import MOST_DRAWN, report, statuses

        drawing = ""
        if len(record.nodes) <= MOST_DRAWN:
            drawing = svg(of_checked(self._plan.checked), status=statuses(record, self._steps))
        return report(record, drawing, self._inputs(), self._outputs, self._steps)

    def _inputs(self) -> dict[str, Thumbnail]:
        """Thumbnails of the inputs that are pictures."""
        from graphflow.record.thumbnails import thumbnail

        shown: dict[str, Thumbnail] = {}
        for name, value in self._plan.checked.inputs.items():
            if len(shown) == MOST_STEPS:
                break
            first = value[0] if isinstance(value, tuple) and value else value
            # The file may have been removed or changed since the run read it.
            with suppress(FileProblem):
                read = Image.of(read_picture(first.file.path)) if isinstance(first, Picture) else first
                small = thumbnail(read, STEP_EDGE)
                if small is not None:
                    shown[name] = small
        return shown
