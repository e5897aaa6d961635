"""The changes between two graphs, or between two recorded runs: graphs, inputs, seeds, machines and pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.compare.changes import Change, changes
from graphflow.compare.differences import Difference, differences
from graphflow.compare.pixel_difference import PixelDifference, pixel_difference
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.errors import FileProblem, InvalidGraph
from graphflow.problems import Level
from graphflow.record.home_paths import from_home
from graphflow.record.names import RUN_JSON
from graphflow.record.recorded_graph import is_recorded_file, read_graph
from graphflow.record.recorded_run import RecordedRun
from graphflow.record.run_record import RunRecord
from graphflow.record.same_recipe import merged
from graphflow.system.files import is_folder
from graphflow.text_helpers.words import counted
from graphflow.values.picture_files import ENDINGS


@dataclass(frozen=True, slots=True)
class ValueChange:
    """An input's value, or the seed, that differs between two runs.

    Attributes:
        name: of the input, or `the run's seed`.
        before, now: the value in each record, as JSON; None if it has none.
    """

    name: str
    before: Any
    now: Any


@dataclass(frozen=True)
class RunDiff:
    """The changes from one graph or run to another.

    Attributes:
        graph: of the graphs.
        values: of the inputs and the seed, if both are runs.
        differences: of weights, libraries and machines, if both are runs.
        pixels: name of the output, or empty for two pictures → their pixels, unless they are equal.
        compared: whether pixels were compared.
    """

    graph: list[Change]
    values: list[ValueChange] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    pixels: dict[str, PixelDifference | str] = field(default_factory=dict)
    compared: bool = False

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.graph or self.values or self.differences or self.pixels)

    def to_json(self) -> dict[str, Any]:
        """The changes as plain JSON data."""
        pixels = {
            name: dataclasses.asdict(one) if isinstance(one, PixelDifference) else one
            for name, one in self.pixels.items()
        }
        parts = {name: [dataclasses.asdict(one) for one in getattr(self, name)] for name in ("graph", "values")}
        different = [dataclasses.asdict(one) for one in self.differences]
        return {"equal": self.equal, **parts, "differences": different, "pixels": pixels}


def diff(before: str, now: str, catalog: Catalog) -> RunDiff:
    """The changes from one graph or run to another.

    Args:
        before, now: a document's path, a library graph's name, a picture, a run.json, or the folder of a run.
        catalog: the node types that the graphs may use.

    Raises:
        FileProblem: one of them cannot be read.
        InvalidGraph: a document cannot be parsed.
    """
    runs = [_run(file) for file in (before, now)]
    if runs[0] is None or runs[1] is None:
        documents = [_document(file, run) for file, run in zip((before, now), runs, strict=True)]
        return RunDiff(changes(documents[0], documents[1], catalog))
    return _of_runs(runs[0], runs[1], catalog)


def _run(file: str) -> RecordedRun | None:
    """The recorded run in a file; None for a document."""
    path = Path(file).expanduser()
    if path.is_dir() or (path.exists() and (is_recorded_file(path) or path.name == RUN_JSON)):
        return RecordedRun.load(path)
    if path.is_file() and path.suffix.lower() in ENDINGS:
        return RecordedRun.load(path)  # raises an error that says what is wrong with the picture
    return None


def _document(file: str, run: RecordedRun | None) -> Document:
    _, document, problems = read_graph(file if run is None else run.path)
    return _required(document, problems)


def _recorded_document(run: RecordedRun) -> Document:
    folder = from_home(run.record.document.folder)
    return _required(*parse(run.record.document.text, str(run.path), folder if is_folder(folder) else run.folder))


def _required(document: Document | None, problems: list[Any]) -> Document:
    wrong = [problem for problem in problems if problem.level is Level.PROBLEM]
    if document is None or wrong:
        raise InvalidGraph(wrong or problems)
    return document


def _of_runs(before: RecordedRun, now: RecordedRun, catalog: Catalog) -> RunDiff:
    old, new = before.record, now.record
    graph = changes(_recorded_document(before), _recorded_document(now), catalog)
    # Nodes differ if graphs, inputs or seeds do, and those are listed already.
    alike = old.model_copy(update={"nodes": []}), new.model_copy(update={"nodes": []})
    compared = before.is_picture == now.is_picture
    pixels = dict(_pixels(before, now)) if compared else {}
    return RunDiff(graph, list(_values(old, new)), differences(*alike), pixels, compared)


def _values(before: RunRecord, now: RunRecord) -> Iterator[ValueChange]:
    for name in dict.fromkeys([*before.inputs, *now.inputs]):
        old, new = before.inputs.get(name), now.inputs.get(name)
        if merged(new, old) != old:
            yield ValueChange(name, old, new)
    if before.seed != now.seed and before.inputs.get("seed") == now.inputs.get("seed"):
        yield ValueChange("the run's seed", before.seed, now.seed)


def _pixels(before: RecordedRun, now: RecordedRun) -> Iterator[tuple[str, PixelDifference | str]]:
    if before.is_picture:
        old, new = (run.record.made for run in (before, now))
        if old is not None and new is not None and (old.output, old.item) != (new.output, new.item):
            yield "shown output", f"{_shown(old.output, old.item)} → {_shown(new.output, new.item)}"
        found = pixel_difference(before.path, now.path)
        if not found.equal:
            yield "", found
        return
    for name, output in before.record.outputs.items():
        other = now.record.outputs.get(name)
        if other is None or not output.digest or not other.digest or output.digest == other.digest:
            continue
        files = dict(zip(output.files, other.files, strict=False))
        if len(output.files) != len(other.files):
            yield name, f"{counted(len(output.files), 'file')} → {counted(len(other.files), 'file')}"
        for file, other_file in files.items():
            yield from _of_files(name if len(files) == 1 else file, before.folder / file, now.folder / other_file)


def _of_files(name: str, before: Path, now: Path) -> Iterator[tuple[str, PixelDifference | str]]:
    try:
        found = pixel_difference(before, now)
    except FileProblem:
        yield name, "differs"
        return
    if not found.equal:
        yield name, found


def _shown(output: str, item: int | None) -> str:
    return output if item is None else f"{output}[{item}]"
