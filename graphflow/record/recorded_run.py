"""A recorded run, known from the file that holds its record: a picture, or run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from graphflow.errors import FileProblem, InvalidValue
from graphflow.record.names import RUN_JSON, output_file
from graphflow.record.record_parts import ComputeRecord, MadeRecord
from graphflow.record.run_record import RunRecord
from graphflow.system.device import Compute
from graphflow.system.run_options import RunOptions
from graphflow.values.picture_format import PictureFormat


@dataclass(frozen=True)
class RecordedRun:
    """A recorded run, which can be repeated, or compared with another one.

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

        All outputs of a run in batches are made, since bits depend on which steps are computed in one call.

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
            FileProblem: such a picture was renamed, so that its name is not that of an output's file.
        """
        if self.record.made is not None:
            return self.record.made
        if (file := output_file(self.path.name)) is None:
            why = "its record doesn't say so, and its name is not that of an output's file"
            fix = "give the picture its first name again, or rerun the run.json of its run"
            raise FileProblem(f"it is not known which output {self.path} shows", why=why, fix=fix)
        return MadeRecord(output=file.output, item=file.item, kind="", digest="")

    def compute(
        self,
        device: str | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        *,
        malloc_tuning: bool = True,
    ) -> Compute:
        """Where and how the models ran, with the number of threads that torch had; the call may override some of it.

        Raises:
            InvalidValue: a value is not allowed, or this version does not have an option that the run used.
        """
        recorded = self.record.compute or ComputeRecord(device="cpu")
        counts = (threads, recorded.threads, self.record.environment.threads)
        known = next((count for count in counts if count is not None), None)
        options = _options(recorded.options)
        device, dtype = device or recorded.device, dtype or recorded.dtype
        return Compute.of(device, dtype, known, options, malloc_tuning=malloc_tuning)

    @property
    def pictures(self) -> PictureFormat:
        """The call's format and quality of pictures."""
        return PictureFormat.of(self.record.pictures.format, self.record.pictures.quality)


def _options(recorded: Mapping[str, Any]) -> RunOptions:
    names = {option.name for option in fields(RunOptions)}
    for name, value in recorded.items():
        if name not in names and value:
            raise InvalidValue(f"the run used the option {name}, which this version of graphflow does not have")
    return RunOptions.of(**{name: value for name, value in recorded.items() if name in names})
