"""`graphflow run`: run a graph, write its outputs and a record of the run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphflow.checkpoints.remote import lacking
from graphflow.cli.codes import DONE, FAILED, INTERRUPTED, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.running import display_of, interrupts, print_no_run, run_recorded
from graphflow.cli.screens import echo, echo_json, show
from graphflow.cli.shared_options import (
    add_budget_argument,
    add_cache_arguments,
    add_compute_arguments,
    add_graph_arguments,
    add_malloc_argument,
    add_offline_argument,
    add_value_arguments,
    budget_of,
    catalog_of,
    store_of,
)
from graphflow.engine import Engine
from graphflow.errors import DownloadFailed
from graphflow.execute.resources import check_resources
from graphflow.execute.result import Cancelled, Result
from graphflow.plan.plan import Plan, plan
from graphflow.problems import Level, Place, Problem
from graphflow.system.free_cores import Cores, crowding
from graphflow.values.picture_format import PICTURE_FORMATS, PictureFormat

if TYPE_CHECKING:
    from graphflow.record.recorder import Recorder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_run_arguments(parser)
    parser.add_argument(
        "--count", type=int, metavar="N", help="run it with N seeds, from the run's seed on, into N files and a grid"
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that runs a graph."""
    add_graph_arguments(parser)
    add_value_arguments(parser)
    add_compute_arguments(parser)
    add_offline_argument(parser)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="make only this output, NODE or NODE.OUTPUT"
    )
    parser.add_argument("--out", metavar="DIR", help="write into this folder instead of runs/TIME-NAME")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="allow the run to replace files in DIR that no run wrote, or that were changed since",
    )
    parser.add_argument(
        "--format", metavar="F", help=f"write pictures as {', '.join(PICTURE_FORMATS)} instead of what the graph says"
    )
    parser.add_argument("--quality", type=int, metavar="N", help="quality of JPEG and WebP pictures, 1 to 100")
    add_budget_argument(parser)
    add_malloc_argument(parser)
    add_cache_arguments(parser)
    parser.add_argument("--no-metadata", action="store_true", help="write pictures without the record of the run")
    parser.add_argument("--json", action="store_true", help="print events as JSON lines")


def execute(arguments: argparse.Namespace) -> int:
    """Run the graph; the exit code says how it ended."""
    from graphflow.record.folder_claim import folder_of, new_folder
    from graphflow.record.recorder import Recorder

    pictures = PictureFormat.of(arguments.format, arguments.quality)
    budget, store = budget_of(arguments), store_of(arguments)
    loaded = load_checked(arguments, arguments.graph, catalog_of(arguments))
    if loaded.checked is None or not loaded.checked.ok:
        _print_problems(arguments, loaded.problems)
        return WRONG
    show(loaded.problems, least=Level.WARNING)
    for note in loaded.notes:
        echo(note, error=True)
    planned = plan(loaded.checked, only=arguments.only, memory_budget=budget)
    show([*_no_effect(planned, pictures), *_no_batches(planned)])
    check_resources(planned, budget)
    while lacking(planned.components):
        downloaded = _download(arguments, planned)
        if isinstance(downloaded, int):
            return downloaded
        planned = downloaded
    compute = planned.checked.compute
    if planned.uses_torch and compute.device == "cpu" and (crowded := crowding(compute.threads, Cores.now())):
        echo(crowded, error=True)
    name = planned.checked.document.name or loaded.path.stem
    folder = folder_of(arguments.out) if arguments.out is not None else new_folder(name)
    if arguments.seed == "random":
        _print_seed(arguments, planned.checked.seed)
    command = ["graphflow", *sys.argv[1:]]
    recorder = Recorder(
        folder,
        planned,
        metadata=not arguments.no_metadata,
        pictures=pictures,
        command=command,
        overwrite=arguments.overwrite,
    )
    result, written = run_recorded(arguments, planned, recorder, budget, store)
    code = _print_end(arguments, result, written, recorder)
    return max(code, FAILED) if recorder.problems else code


def _no_effect(planned: Plan, pictures: PictureFormat) -> list[Problem]:
    """Warnings about `--format` and `--quality` if no output of the run changes because of them."""
    from graphflow.record.outputs import chosen_formats, has_pictures

    shown = [format_ for name, format_ in chosen_formats(planned, pictures).items() if has_pictures(planned, name)]
    if not shown:
        given = [key for key, value in (("--format", pictures.name), ("--quality", pictures.quality)) if value]
        return [_useless(key, "no output is a picture", "remove it") for key in given]
    if pictures.quality is not None and not any(format_.lossy for format_ in shown):
        return [_useless("--quality", "all pictures are PNG files, which lose nothing", "add --format jpeg or webp")]
    return []


def _no_batches(planned: Plan) -> list[Problem]:
    """A warning about `--batch N` if every step is computed alone all the same."""
    if planned.batches or planned.checked.compute.options.batch in (1, "auto"):
        return []
    return [_useless("--batch", next(iter(planned.alone.values()), "no two steps are alike"), "remove it")]


def _useless(option: str, why: str, fix: str) -> Problem:
    return Problem("no-effect", f"{option} has no effect", why, fix, Place(option))


def _download(arguments: argparse.Namespace, planned: Plan) -> Plan | int:
    """The plan with the files of the hub that it needs on this machine; an exit code if they cannot be had."""
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
    # Files that are here are known by what they hold. A seed that was drawn stays.
    again = argparse.Namespace(**{**vars(arguments), "seed": str(planned.checked.seed)})
    loaded = load_checked(again if arguments.seed == "random" else arguments, arguments.graph, catalog_of(arguments))
    if loaded.checked is None or not loaded.checked.ok:
        _print_problems(arguments, loaded.problems)
        return WRONG
    return plan(loaded.checked, only=arguments.only, memory_budget=budget_of(arguments))


def _print_problems(arguments: argparse.Namespace, problems: Sequence[Problem]) -> None:
    if arguments.json:
        for problem in problems:
            echo_json({"event": "problem", **problem.to_json()})
    else:
        show(problems, least=Level.PROBLEM)


def _print_seed(arguments: argparse.Namespace, seed: int) -> None:
    if arguments.json:
        echo_json({"event": "seed_drawn", "seed": seed})
    else:
        echo(f"seed {seed}, drawn at random", error=True)


def _print_end(arguments: argparse.Namespace, result: Result, written: list[Path], recorder: Recorder) -> int:
    code = {"done": DONE, "failed": FAILED, "error": FAILED, "cancelled": INTERRUPTED}[result.state]
    if arguments.json:
        record, files = recorder.record, [str(path) for path in written]
        before = {"replaced": record.replaced, "removed": record.removed, "kept": record.earlier}
        ended = {"event": "written", "folder": str(recorder.folder), "files": files, **before, "exit": code}
        echo_json(ended)
        return code
    for report in (*result.warnings, *result.failed.values()):
        echo(report, error=True)
    for step, why in result.not_run.items():
        echo(f"not run: {step}: {why}", error=True)
    for name, why in result.absent.items():
        echo(
            f"output {name} is not complete: {why}" if name in result.partial else f"no output {name}: {why}",
            error=True,
        )
    if result.state == "cancelled":
        echo("cancelled", error=True)
    if result.error:
        echo(f"graphflow: an error ended the run: {result.error}", error=True)
    if recorder.summary:
        echo(recorder.summary, error=True)
    echo(f"wrote {recorder.folder}: {', '.join(path.name for path in written)}")
    return code
