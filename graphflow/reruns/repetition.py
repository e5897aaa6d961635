"""A recorded run, and how it is to be repeated: its plan, its recorder, and the comparison of its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphflow.catalog.catalog import Catalog
from graphflow.check.checked import Checked
from graphflow.checkpoints.hub import Hub
from graphflow.compare.differences import Difference, differences
from graphflow.errors import FileProblem
from graphflow.execute.result import Result
from graphflow.plan.plan import Plan, plan
from graphflow.record.recorded_run import RecordedRun
from graphflow.reruns.check_again import check_again
from graphflow.reruns.compared import Expected, Rerun
from graphflow.reruns.recorded_files import RecordedFile, file_differences, find_files, require_files
from graphflow.system.device import Compute

if TYPE_CHECKING:
    from graphflow.record.recorder import Recorder
    from graphflow.record.run_record import RunRecord


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
        """The folders in which input files are looked for, besides their recorded paths."""
        return (*self.look_in, self.run.folder)

    @cached_property
    def files(self) -> list[RecordedFile]:
        """The files that the run read, as they are now."""
        return find_files(self.record, self.run.folder, self.look_in)

    @cached_property
    def expected(self) -> Expected:
        """The recorded outputs; read them before the repetition can replace the picture."""
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
        compute = self.record.compute
        tiled = frozenset(compute.tiled if compute is not None else ())
        return plan(self.checked(), only=self.outputs, memory_budget=self.memory_budget, tiled=tiled)

    def explain(self) -> list[Difference]:
        """The differences between this machine and the recorded run, found without running anything."""
        from graphflow.reruns.explain import explain

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
