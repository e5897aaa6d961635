"""`graphflow rerun`: repeat the run that made a picture, and report whether its outputs are equal."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from graphflow.checkpoints.remote import lacking
from graphflow.cli.codes import DONE, FAILED, INTERRUPTED, WRONG
from graphflow.cli.difference_table import as_json, lines
from graphflow.cli.running import display_of, interrupts, print_no_run, run_recorded
from graphflow.cli.screens import echo, echo_json, show
from graphflow.cli.shared_options import (
    add_budget_argument,
    add_device_arguments,
    add_malloc_argument,
    add_nodes_argument,
    add_offline_argument,
    budget_of,
    catalog_of,
    hub_of,
)
from graphflow.cli.tables import terminal_width
from graphflow.engine import Engine
from graphflow.errors import DownloadFailed, InvalidGraph
from graphflow.execute.resources import check_resources
from graphflow.execute.result import Cancelled
from graphflow.plan.plan import Plan
from graphflow.problems import Level
from graphflow.record.recorded_run import RecordedRun
from graphflow.reruns.compared import ComparedOutput, Rerun
from graphflow.reruns.repetition import Repetition
from graphflow.system.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    known = "a picture that a run wrote, its run.json, or the folder of a run"
    parser.add_argument("file", metavar="FILE", help=known)
    parser.add_argument(
        "--explain", action="store_true", help="run nothing; list what differs here from the recorded run"
    )
    parser.add_argument(
        "--inputs", action="append", default=[], metavar="DIR", help="also look here for the files that the run read"
    )
    add_nodes_argument(parser)
    add_device_arguments(parser)
    add_offline_argument(parser)
    parser.add_argument("--only", action="append", metavar="NAME", help="make only this output, NODE or NODE.OUTPUT")
    parser.add_argument("--out", metavar="DIR", help="write into this folder instead of runs/TIME-NAME")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="allow the run to replace files in DIR that no run wrote, or that were changed since",
    )
    add_budget_argument(parser)
    add_malloc_argument(parser)
    parser.add_argument("--no-metadata", action="store_true", help="write pictures without the record of the run")
    parser.add_argument("--json", action="store_true", help="print events as JSON lines")


def execute(arguments: argparse.Namespace) -> int:
    """Repeat the run; the exit code is 0 if all outputs are equal to the recorded ones."""
    recorded = RecordedRun.load(path_of(arguments.file))
    repetition = Repetition(
        recorded,
        catalog_of(arguments),
        recorded.compute(
            arguments.device, arguments.dtype, arguments.threads, malloc_tuning=not arguments.no_malloc_tuning
        ),
        hub_of(arguments),
        tuple(path_of(folder) for folder in arguments.inputs),
        None if arguments.only is None else tuple(arguments.only),
        memory_budget=budget_of(arguments),
    )
    try:
        return _explain(arguments, repetition) if arguments.explain else _repeat(arguments, repetition)
    except InvalidGraph as error:
        if not arguments.json:
            raise
        for problem in error.problems:
            echo_json({"event": "problem", **problem.to_json()})
        return WRONG


def _explain(arguments: argparse.Namespace, repetition: Repetition) -> int:
    found = repetition.explain()
    matters = any(difference.matters for difference in found)
    code = FAILED if matters else DONE
    if arguments.json:
        echo_json({"event": "explained", "differences": as_json(found), "exit": code})
    else:
        echo("\n".join(lines(found, terminal_width())))
    return code


def _repeat(arguments: argparse.Namespace, repetition: Repetition) -> int:
    planned = repetition.plan()
    show(planned.checked.problems, least=Level.WARNING)
    check_resources(planned, repetition.memory_budget)
    if repetition.expected.changed:
        echo(f"the pixels of {arguments.file} were changed after the run wrote them", error=True)
    while lacking(planned.components):
        downloaded = _download(arguments, repetition, planned)
        if isinstance(downloaded, int):
            return downloaded
        planned = downloaded
    return _run(arguments, repetition, planned)


def _download(arguments: argparse.Namespace, repetition: Repetition, planned: Plan) -> Plan | int:
    """The plan once the files of the hub that it needs are downloaded; an exit code if they cannot be."""
    with (
        Engine(keep=False, offline=arguments.offline) as engine,
        display_of(arguments, len(lacking(planned.components)), "file") as display,
        interrupts(engine, display),
    ):
        try:
            engine.download(planned, display.show)
        except Cancelled:
            return print_no_run(arguments, "cancelled", INTERRUPTED)
        except DownloadFailed as error:
            return print_no_run(arguments, f"graphflow: {error}", FAILED)
    return repetition.plan()


def _run(arguments: argparse.Namespace, repetition: Repetition, planned: Plan) -> int:
    from graphflow.record.folder_claim import folder_of, new_folder

    metadata = {"metadata": False} if arguments.no_metadata else {}
    folder = folder_of(arguments.out) if arguments.out is not None else new_folder(repetition.record.name or "rerun")
    recorder = repetition.recorder(
        planned, folder, overwrite=arguments.overwrite, command=["graphflow", *sys.argv[1:]], **metadata
    )
    result, written = run_recorded(arguments, planned, recorder, repetition.memory_budget)
    done = repetition.compare(result, planned, recorder)
    return _print_end(arguments, done, folder, written, lost=bool(recorder.problems))


def _print_end(arguments: argparse.Namespace, done: Rerun, folder: Path, written: list[Path], *, lost: bool) -> int:
    """Print the result; `lost` says whether a file could not be written, which ends the command with an error."""
    code = INTERRUPTED if done.result.state == "cancelled" else DONE if done.equal and not lost else FAILED
    if arguments.json:
        outputs = [dataclasses.asdict(output) for output in done.outputs]
        compared: dict[str, Any] = {"event": "compared", "equal": done.equal, "outputs": outputs}
        echo_json({**compared, "picture_changed": done.picture_changed, "differences": as_json(done.differences)})
        files = [str(path) for path in written]
        echo_json({"event": "written", "folder": str(folder), "files": files, "exit": code})
        return code
    for report in (*done.result.warnings, *done.result.failed.values()):
        echo(report, error=True)
    for step, why in done.result.not_run.items():
        echo(f"not run: {step}: {why}", error=True)
    if done.result.state == "cancelled":
        echo("cancelled", error=True)
    if done.result.error:
        echo(f"graphflow: an error ended the run: {done.result.error}", error=True)
    for output in done.outputs:
        echo(verdict(output))
    unequal = any(output.equal is False for output in done.outputs)
    other_files = any(output.same_file is False for output in done.outputs)
    if unequal or (other_files and done.differences):
        echo("\n".join(lines(done.differences, terminal_width())))
    elif other_files:
        echo("only the record in the files differs")
    echo(f"wrote {folder}: {', '.join(path.name for path in written)}")
    return code


def verdict(output: ComparedOutput) -> str:
    """Whether an output equals the recorded one, as a line."""
    if output.equal is None:
        return f"{output.name}: not compared: {output.why}"
    if not output.equal:
        return f"{output.name}: differs" + (f": {output.why}" if output.why else "")
    if output.same_file is None:
        return f"{output.name}: equal" + (f": {output.why}, as before" if output.why else "")
    return f"{output.name}: equal" + ("" if output.same_file else ", but its file has other bytes")
