"""`graphflow check`: all problems of graphs, without running anything."""

from __future__ import annotations

import argparse

from graphflow.check.absent_checkpoints import absent_checkpoints
from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.screens import echo, echo_json, show, summary
from graphflow.cli.shared_options import (
    add_compute_arguments,
    add_nodes_argument,
    add_offline_argument,
    add_value_arguments,
    catalog_of,
)
from graphflow.errors import FileProblem
from graphflow.problems import Level, Place, Problem, ordered


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("graphs", metavar="GRAPH", nargs="+", help="YAML files, or names of library graphs")
    add_nodes_argument(parser)
    add_value_arguments(parser)
    add_compute_arguments(parser)
    add_offline_argument(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with an error for warnings too, and for checkpoints to download"
    )
    parser.add_argument("--json", action="store_true", help="print all problems as one JSON list")


def execute(arguments: argparse.Namespace) -> int:
    """Check every graph; the exit code is WRONG if one of them has problems."""
    catalog = catalog_of(arguments)
    least = Level.WARNING if arguments.strict else Level.PROBLEM
    wrong, listed = False, []
    for graph in arguments.graphs:
        try:
            loaded = load_checked(arguments, graph, catalog, complete=False)
            problems = loaded.problems
            if arguments.strict and loaded.checked is not None:
                problems = tuple(ordered((*problems, *absent_checkpoints(loaded.checked.nodes))))
        except FileProblem as error:
            problems = (Problem(error.code, error.message, error.why, error.fix, Place(graph)),)
        listed += [problem.to_json() for problem in problems]
        wrong = wrong or any(problem.level >= least for problem in problems)
        if not arguments.json:
            show(problems)
            echo(f"{graph}: {summary(problems)}")
    if arguments.json:
        echo_json(listed, indent=2)
    return WRONG if wrong else DONE
