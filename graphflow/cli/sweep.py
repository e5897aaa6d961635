"""`graphflow sweep`: run a graph once for each combination of values, and arrange its pictures in a grid."""

from __future__ import annotations

import argparse

from graphflow import library
from graphflow.check.rebase import rebase
from graphflow.cli import run
from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.screens import echo, show
from graphflow.cli.shared_options import catalog_of
from graphflow.document.write import write
from graphflow.errors import FileProblem
from graphflow.problems import Level
from graphflow.system.files import write_atomically
from graphflow.system.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: those of `run`, the values, and `--save`."""
    parser.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="NAME=[A, B]",
        help="the values of an input, or with NODE.KEY of a node; seed=0..7 is a range; repeat it for combinations",
    )
    parser.add_argument("--save", metavar="FILE.yaml", help="write the generated graph instead of running it")
    run.add_run_arguments(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the generated graph, or write it."""
    return run.execute(arguments) if arguments.save is None else _save(arguments)


def _save(arguments: argparse.Namespace) -> int:
    target = path_of(arguments.save)
    if target.suffix not in (".yaml", ".yml"):
        raise FileProblem(f"{target} is not the name of a YAML file", fix=f"write {target.stem}.yaml")
    if target.exists() and not arguments.overwrite:
        raise FileProblem(f"{target} already exists", fix="choose another name, or add --overwrite")
    catalog = catalog_of(arguments)
    loaded = load_checked(arguments, arguments.graph, catalog, complete=False)
    if loaded.checked is None or not loaded.checked.ok:
        show(loaded.problems, least=Level.PROBLEM)
        return WRONG
    for note in loaded.notes:
        echo(note, error=True)
    moved = rebase(loaded.checked.document, target.absolute().parent, catalog, library.templates)
    write_atomically(target, write(moved).encode())
    echo(f"wrote {target}; run it with: graphflow run {target}")
    return DONE
