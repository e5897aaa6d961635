"""`graphflow new`: a document of your own, copied from another one with its paths made right."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphflow import library
from graphflow.cli.screens import show, tell
from graphflow.cli.settings import add_nodes_argument, catalog_of
from graphflow.document.parse import read_file
from graphflow.errors import FileProblem
from graphflow.files import write_atomically
from graphflow.paths import path_of
from graphflow.problems import Level
from graphflow.rebase import rebased_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the call."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the new document; it must not exist yet")
    parser.add_argument("--from", dest="graph", required=True, metavar="GRAPH", help="a YAML file, or a library graph")
    add_nodes_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Write the new document; comments and order stay."""
    target = path_of(str(arguments.file))
    if target.exists():
        raise FileProblem(f"{target} exists already\n  fix: choose another name")
    if target.suffix not in (".yaml", ".yml"):
        raise FileProblem(f"{target} is no name of a graph\n  fix: write {target.stem}.yaml")
    source = library.locate(arguments.graph)
    document, problems = read_file(source)
    if document is None or any(problem.level is Level.PROBLEM for problem in problems):
        show(problems, least=Level.PROBLEM)
        return 2
    text = source.read_text(encoding="utf-8-sig")
    made = rebased_text(text, document, target.absolute().parent, catalog_of(arguments), library.templates)
    write_atomically(target, made.encode())
    tell(f"wrote {target}; run it with: graphflow run {target}")
    return 0
