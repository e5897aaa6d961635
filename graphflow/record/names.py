"""The names of a run's files, and the files in its folder that a run may replace or remove."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from graphflow.check.literals import Picture
from graphflow.errors import FileProblem
from graphflow.plan.plan import Plan
from graphflow.record.formats import FORMATS
from graphflow.values.file import File
from graphflow.values.sources import Value

RUN_JSON, EVENTS, REPORT = "run.json", "events.jsonl", "report.html"
RECORD = (RUN_JSON, EVENTS, REPORT)

RESERVED = (RUN_JSON,)
"""Names that an output's file cannot have; it is called NAME-output instead, which no other output's file can be."""

_ENDINGS = "|".join(dict.fromkeys(re.escape(ending) for one in FORMATS.values() for ending in one.endings))
_OWN = re.compile(rf"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)(?:-([0-9]{{3,}})|-output)?\.({_ENDINGS})\Z")


class OutputFile(NamedTuple):
    """The parts of the name of an output's file.

    Attributes:
        output: the output's name, or `NODE.OUTPUT` for a result that the call asked for.
        item: index of the list's item in it, from 0; None if the name has no index.
        ending: such as `png`.
    """

    output: str
    item: int | None
    ending: str


def output_file(name: str) -> OutputFile | None:
    """The parts of a file's name; None if it cannot be an output's file."""
    match = _OWN.match(name)
    if match is None or name in RESERVED:
        return None
    return OutputFile(match[1], None if match[2] is None else int(match[2]), match[3])


def output_of(name: str) -> str | None:
    """The output that a file of this name belongs to; None if it cannot be an output's file."""
    file = output_file(name)
    return None if file is None else file.output


def spare_inputs(folder: Path, plan: Plan) -> None:
    """Make sure that a run in `folder` replaces no file that the graph reads.

    Raises:
        FileProblem: it could replace one; the message names the file.
    """
    resolved = folder.resolve()
    for path in _files_read(plan):
        if resolved not in (path.parent.resolve(), path.resolve().parent):
            continue
        if path.name in RECORD or output_of(path.name) in plan.outputs:
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
