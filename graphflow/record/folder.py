"""The recorder: listens to a run and writes what comes of it into one folder, while the run goes on."""

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
    OutputReady,
    RunFinished,
    StepFailed,
    StepFinished,
    StepNotRun,
    StepStarted,
    StepWarned,
    to_json,
)
from graphflow.execute.result import Result
from graphflow.plan.plan import Plan
from graphflow.record.claim import Claim, digest_of_file, now
from graphflow.record.journal import WRITING, Journal
from graphflow.record.names import EVENTS, REPORT, RUN_JSON
from graphflow.record.page import Page
from graphflow.values.sources import Gather
from graphflow.values.value import digest_of

if TYPE_CHECKING:
    from graphflow.record.model import RunRecord


class Recorder:
    """Writes a run's outputs, run.json, events.jsonl and report.html; call it with every event, then `close` it.

    The folder is this run's alone until `close`. Files of an earlier run with the same names are replaced. Outputs of
    earlier runs that this one does not make (`image-007.png` of a longer list) are removed when it is done, except for
    outputs that it was not asked for; `told` says what was done. Everything else in the folder stays.

    A file that cannot be written is told in `problems`, and the others are written nevertheless.

    Args:
        folder: made where it is missing.
        plan: what is run.
        metadata: whether pictures carry the record.
        command: the command line, where there was one.
        overwrite: whether files that no run wrote, or that were changed since, may be replaced.
        clock: tells the time.

    Attributes:
        problems: what could not be written.
        result: what the run ended with, as `close` was told it.
        page: what the report will show.

    Raises:
        FileProblem: the folder cannot be made or written to, another run is writing there, or an output could replace
            an input's file or one that no run wrote.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        metadata: bool = True,
        command: Sequence[str] | None = None,
        overwrite: bool = False,
        clock: Callable[[], datetime] = now,
    ) -> None:
        from graphflow.record.describe import describe

        self.folder = folder
        self.problems: list[FileProblem] = []
        self._plan = plan
        self._clock = clock
        self._start = clock()
        self._moment = 0.0
        self._written: dict[str, Path] = {}
        self.page = Page(plan)
        self._closed = False
        self.result: Result | None = None
        self._claim = Claim(folder, plan, overwrite=overwrite)
        try:
            self._begin(describe(plan, command=command), metadata)
        except BaseException:
            self._claim.release()
            raise

    def _begin(self, record: RunRecord, metadata: bool) -> None:
        """Put the record of this run in the place of the earlier one."""
        self.record = record
        self._metadata = metadata
        record.started = self._start
        record.files, record.earlier = self._claim.digests(), self._claim.left()
        self._observed = not self._plan.uses_torch
        self._steps = {step.path: step for step in record.steps}
        # A run that is killed leaves this one.
        self._claim.write(RUN_JSON, record.to_json().encode())
        if REPORT in self._claim.earlier.files:
            # It tells of the earlier run, whose files are about to be replaced.
            with suppress(OSError):
                (self.folder / REPORT).unlink()
        self._journal = Journal(self.folder / EVENTS)

    def __call__(self, event: Event) -> None:
        """Take an event in; never raises for a file."""
        self._moment = round((self._clock() - self._start).total_seconds(), 6)
        more: dict[str, Any] = {"at": self._moment}
        if not self._observed and ("torch" in sys.modules or isinstance(event, OutputReady)):
            self._observe()
        if isinstance(event, OutputReady):
            more["files"] = self._output(event)
        else:
            self._note(event)
        self._attempt(self._journal.write, {**to_json(event), **more})

    def close(self, result: Result) -> list[Path]:
        """Write run.json and report.html after the run, whatever its state; returns the files that were written.

        Never raises for a file; see `require`.
        """
        if not self._closed:
            self._closed = True
            self._journal.close()
            self._finish(result)
            self._claim.written[EVENTS] = digest_of_file(self.folder / EVENTS)
            self._written[EVENTS] = self.folder / EVENTS
            # A run that is killed while its report is made is over all the same.
            if self._attempt(self._write_record):
                self._written[RUN_JSON] = self.folder / RUN_JSON
            report = self._encoded(REPORT, lambda: self.page.render(self.record).encode("utf-8", "backslashreplace"))
            if report is not None:
                self._attempt(self._write_record, {REPORT: hashlib.sha256(report).hexdigest()})
                self._attempt(self._write, REPORT, report)
            self._claim.release()
        return list(self._written.values())

    @property
    def told(self) -> str:
        """What became of the files of earlier runs, in a line; empty where there were none."""
        return self._claim.told()

    def require(self) -> None:
        """Raises `FileProblem` where some file could not be written; the message names all of them."""
        if self.problems:
            raise FileProblem("\n".join(map(str, self.problems)))

    # While the run goes on

    def _observe(self) -> None:
        """Record what torch tells, in the thread and the settings of the run."""
        from graphflow.record.environment import observed

        self._observed = True
        # The run itself tells what is wrong with torch.
        with suppress(ImportError, RuntimeError):
            self.record.environment = observed(self.record.environment)
            self._attempt(self._write_record)

    @functools.cached_property
    def _text(self) -> str | None:
        """What pictures carry; nothing of it changes from the first output on."""
        return self.record.recipe() if self._metadata else None

    def _note(self, event: Event) -> None:
        from graphflow.record.model import LoadRecord

        match event:
            case StepStarted():
                self._steps[event.step].state = "running"
            case StepFinished():
                step = self._steps[event.step]
                step.state = "cached" if event.cached else "done"
                step.seconds += event.seconds
                if event.values:
                    self.page.add_step(event.step, event.values)
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

    def _output(self, event: OutputReady) -> list[str]:
        """Write the files of an output; returns the names of those that are there."""
        from graphflow.record.outputs import files_for, kind_of

        name, value = event.name, event.value
        source = self._plan.outputs[name]
        entry = self.record.outputs[name]
        entry.kind = kind_of(value)
        count = len(source.items) if event.items is not None and isinstance(source, Gather) else 0
        entry.items = len(value) if isinstance(value, tuple) else None
        before = len(self.problems)
        try:
            entry.digest = digest_of(value)
            for pending in files_for(name, value, self._text, event.items, count):
                content = self._encoded(pending.name, pending.encode)
                if content is not None and self._attempt(self._write_output, pending.name, content):
                    entry.files.append(pending.name)
        except (FileProblem, ValueError, RuntimeError, MemoryError) as error:
            self.problems.append(FileProblem(f"the output {name} cannot be written: {error}"))
        entry.why = "; ".join(map(str, self.problems[before:]))
        self.page.add_output(event, entry.files)
        return entry.files

    def _encoded(self, name: str, encode: Callable[[], bytes]) -> bytes | None:
        """The bytes of a file; None where they cannot be made, which is kept as a problem."""
        try:
            return encode()
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            # A format has limits of its own: a WebP has no more than 16383 pixels a row, for one.
            self.problems.append(FileProblem(f"{self.folder / name} cannot be written: {error}"))
            return None

    def _write_output(self, name: str, content: bytes) -> None:
        # A run that is killed in the next moment has told of the file, so that the next run knows it.
        digest = hashlib.sha256(content).hexdigest()
        self._attempt(self._journal.write, {"event": WRITING, "file": name, "sha256": digest, "at": self._moment})
        self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        self._claim.write(name, content)
        self._written[name] = self.folder / name

    def _write_record(self, to_come: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write run.json.

        Args:
            to_come: name → sha256 of each file that is about to be written.
        """
        self.record.files = {**self._claim.digests(), **to_come}
        self._claim.write(RUN_JSON, self.record.to_json().encode())

    def _attempt(self, write: Callable[..., None], *arguments: Any) -> bool:
        """Whether it succeeded; a failure is kept, since what comes later must not be lost with it."""
        try:
            write(*arguments)
        except FileProblem as error:
            # run.json is written several times.
            if str(error) not in map(str, self.problems):
                self.problems.append(error)
            return False
        return True

    # After it

    def _finish(self, result: Result) -> None:
        """Fill in what only the end of the run shows."""
        record = self.record
        self.result = result
        record.state, record.error = result.state, result.error
        record.seconds = result.seconds
        record.peak_memory_bytes = peak_memory()
        for name, why in result.absent.items():
            if name in record.outputs:
                entry = record.outputs[name]
                entry.why = "; ".join(filter(None, (why, entry.why)))
                entry.missing = result.missing.get(name, {})
        for path, error in result.failed.items():
            cause = error.__cause__
            # graphflow's own errors say all there is to say; another's says where it came from.
            if path in self._steps and cause is not None and not isinstance(cause, GraphflowError):
                self._steps[path].traceback = "".join(traceback.format_exception(cause))
        for step in record.steps:
            if step.state == "running":
                step.state = "cancelled"
        for entry in record.outputs.values():
            if not entry.kind and not entry.why:
                entry.why = "the run ended before it was there"
        if result.state == "done" and not self.problems:
            # An output that was not asked for has not become a wrong one.
            self._claim.remove_others([name for name in self._plan.checked.outputs if name not in record.outputs])
        record.earlier = self._claim.left()
        record.replaced, record.removed = self._claim.replaced, self._claim.removed


def peak_memory() -> int | None:
    """The most bytes of memory that this process ever held; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
