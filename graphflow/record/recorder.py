"""The recorder: listens to a run and writes its results into a folder while it runs."""

from __future__ import annotations

import functools
import hashlib
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from graphflow.errors import FileProblem, GraphflowError
from graphflow.execute.events import (
    ComponentLoaded,
    Event,
    ItemReady,
    MemorySaved,
    OutputReady,
    RunFinished,
    StepFailed,
    StepFinished,
    StepNotRun,
    StepStarted,
    StepWarned,
    TorchReported,
    to_json,
)
from graphflow.execute.result import Result
from graphflow.plan.plan import Plan
from graphflow.plan.savings import TILES
from graphflow.record.folder_claim import Claim, digest_of_file, now
from graphflow.record.journal import WRITING, Journal
from graphflow.record.names import EVENTS, REPORT, RUN_JSON
from graphflow.record.outputs import PNG, chosen_formats, files_for, has_own_file, kind_of
from graphflow.record.picture_records import PictureRecords
from graphflow.record.report_collector import ReportCollector
from graphflow.values.any_value import digest_of
from graphflow.values.picture_format import PictureFormat
from graphflow.values.sources import Gather

if TYPE_CHECKING:
    from graphflow.record.run_record import RunRecord


class Recorder:
    """Writes a run's outputs, run.json, events.jsonl and report.html; call it with every event, then `close` it.

    The folder belongs to this run until `close`. Files of an earlier run with the same names are replaced. When the
    run is done, outputs of earlier runs that it did not make (`image-007.png` of a longer list) are removed, except
    for outputs that were not requested; `summary` lists these changes. All other files in the folder are kept.

    If a file cannot be written, that is added to `problems`, and the other files are still written.

    Args:
        folder: created if it is missing.
        plan: the plan of the run.
        metadata: whether pictures contain the record.
        pictures: their format, which overrides those that the document chooses for its outputs.
        command: the command line, if there was one.
        overwrite: whether files that no run wrote, or that were changed since, may be replaced.
        repeats: the record of the run that this one repeats; the pictures contain it as far as it still applies.
        clock: returns the time.

    Attributes:
        problems: the files that could not be written, with the reasons.
        result: the run's result, as given to `close`.
        page: the content of the report.

    Raises:
        FileProblem: the folder cannot be created or written to, another run is writing there, or an output could
            replace an input's file or a file that no run wrote.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        metadata: bool = True,
        pictures: PictureFormat = PNG,
        command: Sequence[str] | None = None,
        overwrite: bool = False,
        repeats: RunRecord | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        from graphflow.record.describe import describe

        self.folder = folder
        self.problems: list[FileProblem] = []
        self._plan = plan
        self._repeats = repeats
        self._clock = clock
        self._start = clock()
        self._moment = 0.0
        self._written: dict[str, Path] = {}
        self._tried: set[str] = set()
        self.report = ReportCollector(plan)
        self._closed = False
        self.result: Result | None = None
        self._chosen = chosen_formats(plan, pictures)
        self._claim = Claim(folder, plan, self._chosen, overwrite=overwrite)
        try:
            self._begin(describe(plan, command=command), pictures, metadata)
        except BaseException:
            self._claim.release()
            raise

    def _begin(self, record: RunRecord, pictures: PictureFormat, metadata: bool) -> None:
        """Replace the earlier run's record with that of this run."""
        from graphflow.record.record_parts import PicturesRecord

        self.record = record
        record.pictures = PicturesRecord(format=pictures.name, quality=pictures.quality, metadata=metadata)
        self._texts = PictureRecords(self._plan, record, self._repeats)
        record.started = self._start
        record.files, record.earlier = self._claim.digests(), self._claim.left()
        self._steps = {step.path: step for step in record.steps}
        # If the run is killed, this record stays.
        self._claim.write(RUN_JSON, record.to_json().encode())
        if REPORT in self._claim.earlier.files:
            # It shows the earlier run, whose files are about to be replaced.
            with suppress(OSError):
                (self.folder / REPORT).unlink()
        self._journal = Journal(self.folder / EVENTS)

    def __call__(self, event: Event) -> None:
        """Record an event; never raises because of a file."""
        self._moment = round((self._clock() - self._start).total_seconds(), 6)
        more: dict[str, Any] = {"at": self._moment}
        if isinstance(event, ItemReady):
            more["files"] = self._item(event)
        elif isinstance(event, OutputReady):
            more["files"] = self._output(event)
        else:
            self._note(event)
        self._attempt(self._journal.write, {**to_json(event), **more})

    def close(self, result: Result) -> list[Path]:
        """Write run.json and report.html after the run, whatever its state; returns the files that were written.

        Never raises because of a file; see `require`.
        """
        if not self._closed:
            self._closed = True
            self._journal.close()
            self._finish(result)
            self._claim.written[EVENTS] = digest_of_file(self.folder / EVENTS)
            self._written[EVENTS] = self.folder / EVENTS
            # Written before the report, so that the record is complete even if the process is killed meanwhile.
            if self._attempt(self._write_record):
                self._written[RUN_JSON] = self.folder / RUN_JSON
            report = self._encoded(REPORT, lambda: self.report.render(self.record).encode("utf-8", "backslashreplace"))
            if report is not None:
                self._attempt(self._write_record, {REPORT: hashlib.sha256(report).hexdigest()})
                self._attempt(self._write, REPORT, report)
            self._claim.release()
        return list(self._written.values())

    @property
    def summary(self) -> str:
        """One line about the files of earlier runs: replaced, removed or kept; empty if there were none."""
        return self._claim.summary()

    def require(self) -> None:
        """Raise `FileProblem` if a file could not be written; the message names all such files."""
        if self.problems:
            raise FileProblem("\n".join(map(str, self.problems)))

    # During the run

    def _note(self, event: Event) -> None:
        from graphflow.record.environment import with_facts
        from graphflow.record.record_parts import LoadRecord

        match event:
            case TorchReported():
                self.record.environment = with_facts(self.record.environment, event.facts)
                self._attempt(self._write_record)
            case StepStarted():
                self._steps[event.step].state = "running"
            case StepFinished():
                step = self._steps[event.step]
                step.state = "cached" if event.cached else "done"
                step.seconds += event.seconds
                step.batch = event.batch
                if event.values:
                    self.report.add_step(event.step, event.values)
            case MemorySaved():
                self._steps[event.step].savings.append(event.measure)
                compute = self.record.compute
                if event.measure == TILES and compute is not None and event.step not in compute.tiled:
                    compute.tiled.append(event.step)
            case StepWarned():
                self._steps[event.step].warnings.append(event.problem.to_json())
            case StepFailed():
                step = self._steps[event.step]
                step.state, step.problem = "failed", event.problem.to_json()
                step.seconds += event.seconds
            case StepNotRun():
                step = self._steps[event.step]
                step.state, step.why = "not_run", event.why
            case ComponentLoaded():
                load = LoadRecord(component=event.component, nbytes=event.nbytes, seconds=event.seconds)
                self.record.loads.append(load)
            case RunFinished():
                self.record.state, self.record.seconds = event.state, event.seconds

    def _item(self, event: ItemReady) -> list[str]:
        """Write the file of an item before its list is complete; returns its name if it was written."""
        if not has_own_file(event.value):
            return []
        return self._write_files(event.name, (event.value,), (event.item,))

    def _output(self, event: OutputReady) -> list[str]:
        """Write the files of an output that are not there yet; returns the names of all that were written."""
        entry = self.record.outputs[event.name]
        entry.kind = kind_of(event.value)
        entry.items = len(event.value) if isinstance(event.value, tuple) else None
        try:
            entry.digest = digest_of(event.value)
        except (ValueError, RuntimeError, MemoryError) as error:
            self._cannot_write(event.name, error)
        else:
            entry.files = self._write_files(event.name, event.value, event.items)
        self.report.add_output(event, entry.files)
        return entry.files

    def _write_files(self, name: str, value: Any, items: Sequence[int] | None) -> list[str]:
        """Write the files of an output, each only once; returns the names of all of them that are written."""
        source = self._plan.outputs[name]
        count = len(source.items) if items is not None and isinstance(source, Gather) else 0
        texts = functools.partial(self._texts.text, name)
        files, before = [], len(self.problems)
        try:
            for pending in files_for(name, value, texts, items, count, choice=self._chosen[name]):
                if pending.name not in self._tried:
                    self._tried.add(pending.name)
                    content = self._encoded(pending.name, pending.encode)
                    if content is not None:
                        self._attempt(self._write_output, pending.name, content)
                files += [pending.name] if pending.name in self._written else []
        except (FileProblem, ValueError, RuntimeError, MemoryError) as error:
            self._cannot_write(name, error)
        entry = self.record.outputs[name]
        entry.why = "; ".join(filter(None, (entry.why, *map(str, self.problems[before:]))))
        return files

    def _cannot_write(self, name: str, error: Exception) -> None:
        self.problems.append(FileProblem(f"the output {name} cannot be written: {error}"))

    def _encoded(self, name: str, encode: Callable[[], bytes]) -> bytes | None:
        """The bytes of a file; if encoding fails, None, and the error is kept as a problem."""
        try:
            return encode()
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            # Formats have limits of their own: a WebP row has at most 16383 pixels, for example.
            self.problems.append(FileProblem(f"{self.folder / name} cannot be written: {error}"))
            return None

    def _write_output(self, name: str, content: bytes) -> None:
        # The journal comes first: if the process is killed after it, the next run recognises the file.
        digest = hashlib.sha256(content).hexdigest()
        self._attempt(self._journal.write, {"event": WRITING, "file": name, "sha256": digest, "at": self._moment})
        self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        self._claim.write(name, content)
        self._written[name] = self.folder / name

    def _write_record(self, to_come: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write run.json.

        Args:
            to_come: name → sha256 of files that are about to be written.
        """
        self.record.files = {**self._claim.digests(), **to_come}
        self._claim.write(RUN_JSON, self.record.to_json().encode())

    def _attempt(self, write: Callable[..., None], *arguments: Any) -> bool:
        """Call `write` and return whether it succeeded; a failure is kept as a problem, so that the run continues."""
        try:
            write(*arguments)
        except FileProblem as error:
            # run.json is written several times.
            if str(error) not in map(str, self.problems):
                self.problems.append(error)
            return False
        return True

    # After the run

    def _finish(self, result: Result) -> None:
        """Fill in the facts that are known only at the end of the run."""
        record = self.record
        self.result = result
        record.state, record.error = result.state, result.error
        record.seconds = result.seconds
        record.peak_memory_bytes = peak_memory()
        if self._plan.uses_torch:
            from graphflow.record.process import process_record

            record.process = process_record(self._plan.checked.compute)
        for name, why in result.absent.items():
            if name in record.outputs:
                entry = record.outputs[name]
                entry.why = "; ".join(filter(None, (why, entry.why)))
                entry.missing = result.missing.get(name, {})
        for path, error in result.failed.items():
            cause = error.__cause__
            # graphflow's own errors are clear without a traceback.
            if path in self._steps and cause is not None and not isinstance(cause, GraphflowError):
                self._steps[path].traceback = "".join(traceback.format_exception(cause))
        for step in record.steps:
            if step.state == "running":
                step.state = "cancelled"
        for entry in record.outputs.values():
            if not entry.kind and not entry.why:
                entry.why = "the run ended before it was ready"
        if result.state == "done" and not self.problems:
            # An earlier file of an output that was not requested is still right.
            self._claim.remove_others([name for name in self._plan.checked.outputs if name not in record.outputs])
        record.earlier = self._claim.left()
        record.replaced, record.removed = self._claim.replaced, self._claim.removed


def peak_memory() -> int | None:
    """The most bytes of memory that this process ever used; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
