"""Repeating a recorded run: the graph of its record, checked with the files as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphflow import library
from graphflow.catalog.catalog import Catalog
from graphflow.check.check import check
from graphflow.check.checked import Checked
from graphflow.checkpoints.hub import Hub
from graphflow.document.model import Document
from graphflow.document.parse import parse
from graphflow.errors import FileProblem, InvalidGraph
from graphflow.problems import Place
from graphflow.record.home_paths import from_home
from graphflow.record.recorded_graph import value_tree
from graphflow.record.recorded_run import RecordedRun
from graphflow.record.run_record import RunRecord
from graphflow.reruns.recorded_commits import at_commits, value_at_commit
from graphflow.reruns.recorded_files import RecordedFile, in_library
from graphflow.system.device import Compute
from graphflow.system.files import is_folder


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
