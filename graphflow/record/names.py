"""The names of a run's files, and which of the files in its folder a run may replace or remove."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphflow.check.checked import Value
from graphflow.check.literals import Picture
from graphflow.errors import FileProblem
from graphflow.plan.plan import Plan
from graphflow.record.journal import journal_files
from graphflow.values import File

RUN_JSON, EVENTS, REPORT = "run.json", "events.jsonl", "report.html"

RESERVED = (RUN_JSON,)
"""Names that an output's file cannot have: it is called NAME-output then, which no other output's file can be."""

_OWN = re.compile(r"([a-z][a-z0-9_]*)(?:-[0-9]{3,}|-output)?\.(?:png|gif|webp|json|safetensors)\Z")


def output_of(name: str) -> str | None:
    """The output that a file of this name belongs to; None where it can be no output's file."""
    found = _OWN.match(name)
    return found[1] if found is not None and name not in RESERVED else None


def earlier_files(folder: Path) -> list[str]:
    """Names of the output files that an earlier run in `folder` wrote, as its own record tells."""
    from graphflow.record.model import RunRecord

    try:
        record = RunRecord.load(folder)
    except FileProblem:
        return []
    told = [name for output in record.outputs.values() for name in output.files]
    # A run that was killed has told its journal only.
    told += [*record.earlier, *journal_files(folder / EVENTS)]
    # A record is a file like any other: no name in it may lead out of the folder.
    return [name for name in dict.fromkeys(told) if output_of(name) is not None and (folder / name).is_file()]


def spare_inputs(folder: Path, plan: Plan) -> None:
    """Make sure that a run in `folder` replaces no file that the graph reads.

    Raises:
        FileProblem: it could; names the file.
    """
    here = folder.resolve()
    for path in _files_read(plan):
        if here not in (path.parent.resolve(), path.resolve().parent):
            continue
        if path.name in (RUN_JSON, EVENTS, REPORT) or output_of(path.name) in plan.outputs:
            raise FileProblem(f"the graph reads {path}, which a run in {folder} could replace; name another folder")


def _files_read(plan: Plan) -> Iterator[Path]:
    checked = plan.checked
    if checked.document.file:
        yield Path(checked.document.file)
    for value in checked.inputs.values():
        yield from _files_in(value)
    for node in checked.nodes:
        for value in node.params.values():
            yield from _files_in(value)
        for source in node.sources.values():
            if isinstance(source, Value):
                yield from _files_in(source.value)


def _files_in(value: Any) -> Iterator[Path]:
    if isinstance(value, tuple):
        for item in value:
            yield from _files_in(item)
    elif isinstance(value, Picture):
        yield value.file.path
    elif isinstance(value, File):
        yield value.path
