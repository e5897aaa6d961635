"""Repeating a recorded run: the plan that its record describes, with the files as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.checkpoints.hub import Hub
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.errors import FileProblem, InvalidGraph, InvalidValue
from graphflow.problems import Place
from graphflow.record.home_paths import from_home
from graphflow.record.names import RUN_JSON, output_file
from graphflow.record.recorded_commits import at_commits, value_at_commit
from graphflow.record.recorded_files import RecordedFile, in_library
from graphflow.record.recorded_graph import value_tree
from graphflow.record.run_record import ComputeRecord, MadeRecord, RunRecord
from graphflow.system.device import Compute
from graphflow.system.files import is_folder
from graphflow.system.run_options import RunOptions
from graphflow.values.picture_format import PictureFormat


@dataclass(frozen=True)
class RecordedRun:
    """A run that is to be repeated.

    Attributes:
        path: of the file that holds the record: a picture, or run.json.
        record: the record in it.
    """

    path: Path
    record: RunRecord

    @classmethod
    def load(cls, file: str | Path) -> RecordedRun:
        """Read the record of a picture, of a run.json, or of the folder of a run.

        Raises:
            FileProblem: there is no record, or it cannot be read.
        """
        path = Path(file).expanduser()
        path = path / RUN_JSON if path.is_dir() else path
        return cls(path, RunRecord.load(path))

    @property
    def is_picture(self) -> bool:
        """Whether the record is that of one picture, and not that of the whole run."""
        return self.path.name != RUN_JSON and (self.record.made is not None or not self.record.outputs)

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self.path.absolute().parent

    def only(self) -> list[str]:
        """The outputs to make: that of a picture, or those of the recorded run; empty for all.

        Of a run in batches all are made, since it changes bits which steps are computed in one call.

        Raises:
            FileProblem: an earlier version of graphflow wrote the picture, and its name is not that of an output.
        """
        batch = self.record.compute.options.get("batch", 1) if self.record.compute is not None else 1
        if not self.is_picture or batch != 1:
            return list(self.record.only)
        return [self.made_by.output]

    @property
    def made_by(self) -> MadeRecord:
        """The value that the picture shows; its digest is empty if an earlier version of graphflow wrote the picture.

        Raises:
            FileProblem: such a picture has no name that an output's file has.
        """
        if self.record.made is not None:
            return self.record.made
        if (file := output_file(self.path.name)) is None:
            why = "its record doesn't say so, and its name is not that of an output's file"
            fix = "give the picture its first name again, or rerun the run.json of its run"
            raise FileProblem(f"which output {self.path} shows is not known", why=why, fix=fix)
        return MadeRecord(output=file.output, item=file.item, kind="", digest="")

    def compute(self, device: str | None = None, dtype: str | None = None, threads: int | None = None) -> Compute:
        """Where and how the models ran, with the number of threads that torch had; the call may override some of it.

        Raises:
            InvalidValue: a value is not allowed, or this version does not have an option that the run used.
        """
        recorded = self.record.compute or ComputeRecord(device="cpu")
        counts = (threads, recorded.threads, self.record.environment.threads)
        known = next((count for count in counts if count is not None), None)
        options = _options(recorded.options)
        return Compute.of(device or recorded.device, dtype or recorded.dtype, known, options)

    @property
    def pictures(self) -> PictureFormat:
        """What the run's call said about the files of pictures."""
        return PictureFormat.of(self.record.pictures.format, self.record.pictures.quality)


def _options(recorded: Mapping[str, Any]) -> RunOptions:
    names = {option.name for option in fields(RunOptions)}
    for name, value in recorded.items():
        if name not in names and value:
            raise InvalidValue(f"the run used the option {name}, which this version of graphflow does not have")
    return RunOptions.of(**{name: value for name, value in recorded.items() if name in names})


def check_again(
    run: RecordedRun,
    catalog: Catalog,
    files: Sequence[RecordedFile],
    *,
    compute: Compute,
    hub: Hub | None = None,
    only: Sequence[str] = (),
    inputs: Mapping[str, Any] | None = None,
) -> Checked:
    """Check the recorded graph with the recorded inputs and seed.

    Args:
        run: the recorded run.
        catalog: the node types that it may use.
        files: the files that it read, as they are now.
        compute: device, precision and threads.
        hub: asked about checkpoints that are not on this machine.
        only: what a plan will be asked for.
        inputs: values of inputs that the record does not hold.

    Raises:
        InvalidGraph: the document in the record cannot be read.
        FileProblem: the record does not hold the value of an input, and `inputs` does not give it.
    """
    record = run.record
    old = from_home(record.document.folder)
    folder = next((path for path in (old, in_library(old)) if path is not None and is_folder(path)), run.folder)
    document, problems = parse(record.document.text, str(run.path), folder)
    if document is None:
        raise InvalidGraph(problems)
    return check(
        at_commits(document, catalog, {one.name: one.commit for one in record.repositories}),
        catalog,
        inputs=_inputs(record, document, inputs or {}),
        seed=record.seed,
        library=library.templates,
        problems=problems,
        compute=compute,
        hub=hub,
        only=only,
        moved=_moved(files, old, folder),
    )


def _inputs(record: RunRecord, document: Document, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in record.inputs.items():
        if name in given:
            values[name] = given[name]
        elif name in document.inputs and value is not None:
            tree = value_tree(value, Place(f"input {name}"))
            if tree is None:
                why = "it was made in Python, and the record has only its digest"
                fix = f"give it in Python: gf.rerun(…, inputs={{{name!r}: …}})"
                raise FileProblem(f"the value of the input {name} is not in the record", why=why, fix=fix)
            values[name] = value_at_commit(value, tree)
    return values


def _moved(files: Sequence[RecordedFile], old: Path, folder: Path) -> dict[Path, Path]:
    """Path that the document or an input means → the file that is read instead."""
    moved: dict[Path, Path] = {}
    for file in files:
        path = from_home(file.recorded)
        for meant in (path, folder / path.relative_to(old) if path.is_relative_to(old) else path):
            if meant != file.path:
                moved[meant] = file.path
    return moved
