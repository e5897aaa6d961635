"""Repeat the run that made a picture or wrote a run.json, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphflow.catalog.catalog import Catalog, default_catalog
from graphflow.checkpoints.hub import Hub
from graphflow.checkpoints.remote import lacking
from graphflow.engine import Engine
from graphflow.errors import GraphflowError
from graphflow.execute.events import Listener
from graphflow.execute.result import RunFailed
from graphflow.record.recorded_run import RecordedRun
from graphflow.reruns.compared import Rerun
from graphflow.reruns.repetition import Repetition
from graphflow.system.byte_sizes import parse_bytes
from graphflow.values.any_value import describe


def rerun(
    file: str | Path,
    *,
    look_in: str | Path | Sequence[str | Path] = (),
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
    malloc_tuning: bool = True,
) -> Rerun:
    """Repeat the run that made a picture or wrote a run.json, and compare the outputs.

    Graph, inputs, seed, device, precision, threads and run options are the recorded ones. For a picture, only the
    output that it shows is made.

    Args:
        file: a picture or run.json that a run wrote, or the folder of a run.
        look_in: a folder or several, in which the files that the run read are looked for, if they are neither where
            they were nor beside `file`.
        inputs: values of inputs that were made in Python, which the record does not hold.
        only: names of the outputs to make instead.
        on_event: called with every event.
        record: folder into which files are written; None writes none, and then bytes of files are not compared.
        overwrite: whether files in that folder that no run of graphflow wrote may be replaced.
        catalog: the node types that the graph may use.
        device, dtype, threads: override the recorded ones.
        memory_budget: most bytes of components that are loaded at a time, such as `8GiB`; None = no limit.
        offline: whether to use only checkpoints on this machine.
        malloc_tuning: as for an `Engine`.

    Raises:
        FileProblem: there is no record, it cannot be read or lacks the value of an input, or a file that the run read
            is missing or has other bytes.
        InvalidGraph: the graph has problems here, such as a missing checkpoint.
        InvalidValue: device, dtype or threads is not valid, or the run used an option of a later version.
        RunFailed: a step failed; `.result` has the rest.
        DownloadFailed: a checkpoint is missing on this machine and cannot be downloaded.
        GraphflowError: the device is not available on this machine, or memory_budget is not a size.
    """
    from graphflow.record.folder_claim import folder_of

    if not isinstance(file, (str, Path)):
        raise GraphflowError(f"{describe(file)} is not a file; give a picture or run.json of a run, or its folder")
    recorded = RecordedRun.load(file)
    repetition = Repetition(
        recorded,
        catalog if catalog is not None else default_catalog(),
        recorded.compute(device, dtype, threads, malloc_tuning=malloc_tuning),
        Hub(asks_nothing=offline),
        tuple(Path(folder).expanduser() for folder in ([look_in] if isinstance(look_in, (str, Path)) else look_in)),
        None if only is None else tuple([only] if isinstance(only, str) else only),
        inputs or {},
        None if memory_budget is None else parse_bytes(memory_budget),
    )
    planned = repetition.plan()
    _ = repetition.expected
    with Engine(keep=False, offline=offline, memory_budget=repetition.memory_budget) as engine:
        while lacking(planned.components):
            # Files on this machine are identified by content, so a file may be missing that seemed to be another.
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
