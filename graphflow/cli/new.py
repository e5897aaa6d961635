"""`graphflow new`: copy a document and adjust its paths; the library's pictures are copied beside it."""

from __future__ import annotations

import argparse
import os
from itertools import count
from pathlib import Path

from graphflow import library
from graphflow.check.rebase import rebase, rebased_text
from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.screens import echo, show
from graphflow.cli.shared_options import add_nodes_argument, catalog_of
from graphflow.document.parse import read_file
from graphflow.document.write import write
from graphflow.errors import FileProblem
from graphflow.problems import Level
from graphflow.record.recorded_graph import read_recorded
from graphflow.system.files import write_atomically
from graphflow.system.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the new document; it must not exist yet")
    source = "a YAML file, a library graph, or a picture or run.json of a run"
    parser.add_argument("--from", dest="graph", required=True, metavar="GRAPH", help=source)
    add_nodes_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Write the new document and the pictures that it needs; comments and order are kept."""
    target = path_of(str(arguments.file))
    if target.exists():
        raise FileProblem(f"{target} already exists\n  fix: choose another name")
    if target.suffix not in (".yaml", ".yml"):
        raise FileProblem(f"{target} is not the name of a YAML file\n  fix: write {target.stem}.yaml")
    recorded = read_recorded(arguments.graph)
    source = library.locate(arguments.graph)
    document, problems = (recorded.document, recorded.problems) if recorded is not None else read_file(source)
    if document is None or any(problem.level is Level.PROBLEM for problem in problems):
        show(problems, least=Level.PROBLEM)
        return WRONG
    copies = _Copies(target.absolute().parent)
    moved = (target.absolute().parent, catalog_of(arguments), library.templates, copies.name)
    if recorded is not None:
        show(problems)
        text = write(rebase(document, *moved))
    else:
        text = rebased_text(source.read_text(encoding="utf-8-sig"), document, *moved)
    copies.write()
    write_atomically(target, text.encode())
    if copies.contents:
        echo(f"copied {', '.join(copies.contents)}")
    echo(f"wrote {target}; run it with: graphflow run {target}")
    return DONE


class _Copies:
    """The library's pictures that a new document reads, copied beside it, since an installation moves and changes.

    Attributes:
        contents: name beside the document → bytes of each picture that does not exist there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.contents: dict[str, bytes] = {}

    def name(self, path: Path) -> str | None:
        """The name of a file in the document; None for a graph, and for a file that is not in the library."""
        if path.suffix in (".yaml", ".yml") or not path.is_relative_to(library.folder()) or not path.is_file():
            return None
        content = path.read_bytes()
        for number in count(1):
            name = path.name if number == 1 else f"{path.stem}-{number}{path.suffix}"
            copy = self._folder / name
            if self.contents.get(name) == content or (copy.is_file() and copy.read_bytes() == content):
                return name
            if name not in self.contents and not os.path.lexists(copy):
                self.contents[name] = content
                return name
        return None

    def write(self) -> None:
        """Write the new pictures."""
        for name, content in self.contents.items():
            write_atomically(self._folder / name, content)
