"""Repeat a recorded run, and compare its outputs with those that were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.catalog.catalog import Catalog, default_catalog
from graphflow.check.checked import Checked
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.remote import lacking
from graphflow.engine import Engine
from graphflow.errors import FileProblem
from graphflow.execute.events import Listener
from graphflow.execute.result import Result, RunFailed
from graphflow.plan.plan import Plan, plan
from graphflow.record.compared import ComparedOutput, Expected
from graphflow.record.differences import Difference
from graphflow.record.recorded_files import RecordedFile, find_files, require_files
from graphflow.record.repeat import RecordedRun, check_again
from graphflow.system.byte_sizes import parse_bytes
from graphflow.system.device import Compute

if TYPE_CHECKING:
    from graphflow.record.recorder import Recorder
    from graphflow.record.run_record import RunRecord


@dataclass(frozen=True)
class Rerun:
    """A repeated run beside the recorded one.

    Attributes:
        result: of the repeated run.
        outputs: each output beside the recorded one; of a picture only its own.
        differences: what is different from the recorded run, besides the results; not all of it can change bytes.
        picture_changed: whether somebody changed the picture's pixels after the recorded run wrote them.
    """

    result: Result
    outputs: tuple[ComparedOutput, ...]
    differences: tuple[Difference, ...] = ()
    picture_changed: bool = False

    @property
    def equal(self) -> bool:
        """Whether the values of all compared outputs equal the recorded ones, and there is at least one."""
        compared = [output.equal for output in self.outputs if output.equal is not None]
        return bool(compared) and all(compared)


@dataclass(frozen=True)
class Repetition:
    """A recorded run, and how it is to be repeated.

    Attributes:
        run: the recorded run.
        catalog: the node types that its graph may use.
        compute: device, precision and threads.
        hub: asked about checkpoints that are not on this machine.
        look_in: folders and files among which the input files are looked for, besides their recorded paths and the
            folder of the record.
        only: the outputs to make; None for that of the picture, or those of the recorded run.
        inputs: values of inputs that the record does not hold.
        memory_budget: most bytes of components that are loaded at a time; None for no limit.
    """

    run: RecordedRun
    catalog: Catalog
    compute: Compute
    hub: Hub
    look_in: tuple[Path, ...] = ()
    only: tuple[str, ...] | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    memory_budget: int | None = None

    @property
    def record(self) -> RunRecord:
        """The record of the run."""
        return self.run.record

    @property
    def outputs(self) -> list[str]:
        """The outputs that it makes; empty for all."""
        return self.run.only() if self.only is None else list(self.only)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where input files are looked for, besides their recorded paths."""
        return (*self.look_in, self.run.folder)

    @cached_property
    def files(self) -> list[RecordedFile]:
        """The files that the run read, as they are now."""
        return find_files(self.record, self.run.folder, self.look_in)

    @cached_property
    def expected(self) -> Expected:
        """What the run made; read before the repetition may replace it."""
        return Expected.of(self.run)

    def checked(self) -> Checked:
        """Its graph, checked with the files as they are now; their bytes may differ."""
        return check_again(
            self.run,
            self.catalog,
            self.files,
            compute=self.compute,
            hub=self.hub,
            only=self.outputs,
            inputs=self.inputs,
        )

    def plan(self) -> Plan:
        """Its plan.

        Raises:
            FileProblem: a file that the run read is missing or has other bytes.
            InvalidGraph: its graph has problems here.
        """
        require_files(self.files, self.folders)
        return plan(self.checked(), only=self.outputs, memory_budget=self.memory_budget)

    def explain(self) -> list[Difference]:
        """What is different here from the recorded run, without running anything."""
        from graphflow.record.explain import explain

        try:
            checked: Checked | FileProblem = self.checked()
        except FileProblem as error:
            checked = error
        return explain(self.record, checked, self.files, self.compute, self.outputs)

    def recorder(self, planned: Plan, folder: Path, *, overwrite: bool = False, **options: Any) -> Recorder:
        """The recorder of the repeated run, whose pictures have the format of the recorded ones.

        Args:
            planned: the plan of the repetition.
            folder: into which it writes.
            overwrite: as for every recorder.
            options: further ones of the recorder.

        Raises:
            FileProblem: it would replace the files that it is compared with, or cannot write into the folder.
        """
        from graphflow.record.recorder import Recorder

        if folder.resolve() == self.run.folder.resolve():
            message = f"a rerun in {folder} would replace the files that it is compared with"
            raise FileProblem(message, fix="name another folder")
        options.setdefault("pictures", self.run.pictures)
        options.setdefault("metadata", self.record.pictures.metadata)
        return Recorder(folder, planned, overwrite=overwrite, repeats=self.record, **options)

    def compare(self, result: Result, planned: Plan, recorder: Recorder | None) -> Rerun:
        """The repeated run beside the recorded one.

        Args:
            result: of the repeated run.
            planned: its plan.
            recorder: that has written its files; None if none were written.
        """
        from graphflow.record.differences import differences, file_differences

        written = None if recorder is None else recorder.record
        now = written if written is not None else _described(planned)
        different = (*file_differences(self.files), *differences(self.record, now))
        return Rerun(result, tuple(self.expected.compare(result, written)), different, self.expected.changed)


def _described(planned: Plan) -> RunRecord:
    from graphflow.record.describe import describe
    from graphflow.record.environment import observed
    from graphflow.values.tensors import computing_threads

    record = describe(planned)
    if planned.uses_torch:
        with computing_threads(planned.checked.compute.threads):
            record.environment = observed(record.environment)
    return record


def rerun(
    file: str | Path,
    *,
    look_in: Sequence[str | Path] = (),
    inputs: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    on_event: Listener | None = None,
    record: str | Path | None = None,
    overwrite: bool = False,
    catalog: Catalog | None = None,
    device: str | None = None,
    dtype: str | None = None,
    threads: int | None = None,
    memory_budget: int | str | None = None,
    offline: bool = False,
) -> Rerun:
    """Run again what made a picture or a run.json, and compare the outputs.

    Graph, inputs, seed, device, precision and threads are the recorded ones. Of a picture only the output that it shows
    is made.

    Args:
        file: a picture or run.json that a run wrote, or the folder of a run.
        look_in: folders in which the files that the run read are looked for, if they are neither where they were nor
            beside `file`.
        inputs: values of inputs that were made in Python, which the record does not hold.
        only: names of the outputs to make instead.
        on_event: called with every event.
        record: folder into which files are written; only then the bytes of files are compared.
        overwrite: whether files in that folder that no run of graphflow wrote may be replaced.
        catalog: the node types that the graph may use.
        device, dtype, threads: override the recorded ones.
        memory_budget: most bytes of components that are loaded at a time, such as `8GiB`; None = no limit.
        offline: whether to use only checkpoints on this machine.

    Raises:
        FileProblem: there is no record, it cannot be read, or a file that the run read is missing or has other bytes.
        InvalidGraph: the graph has problems here, such as a missing checkpoint.
        RunFailed: a step failed; `.result` has the rest.
        DownloadFailed: a checkpoint is missing on this machine and cannot be downloaded.
        GraphflowError: the recorded device is not here.
    """
    from graphflow.record.folder_claim import folder_of

    recorded = RecordedRun.load(file)
    repetition = Repetition(
        recorded,
        catalog if catalog is not None else default_catalog(),
        recorded.compute(device, dtype, threads),
        Hub(asks_nothing=offline),
        tuple(Path(folder).expanduser() for folder in look_in),
        None if only is None else tuple([only] if isinstance(only, str) else only),
        inputs or {},
        None if memory_budget is None else parse_bytes(memory_budget),
    )
    planned = repetition.plan()
    _ = repetition.expected
    with Engine(keep=False, offline=offline, memory_budget=repetition.memory_budget) as engine:
        if lacking(planned.components):
            engine.download(planned, on_event)
            planned = repetition.plan()
        recorder = None
        if record is not None:
            recorder = repetition.recorder(planned, folder_of(record), overwrite=overwrite)
        result = engine.execute(planned, on_event, recorder)
    if result.failed:
        raise RunFailed(result)
    if recorder is not None:
        recorder.require()
    return repetition.compare(result, planned, recorder)
