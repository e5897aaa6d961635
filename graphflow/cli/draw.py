"""`graphflow draw`: a graph as SVG or as Mermaid text."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphflow.cli.codes import DONE, WRONG
from graphflow.cli.load_graph import load_checked
from graphflow.cli.screens import echo, show
from graphflow.cli.shared_options import add_graph_arguments, add_value_arguments, catalog_of
from graphflow.errors import FileProblem
from graphflow.problems import Level


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_graph_arguments(parser)
    add_value_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a .svg or .mmd file; by default, print Mermaid text"
    )
    parser.add_argument(
        "--expand", action="store_true", help="draw the nodes that run: templates and for_each expanded"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Draw the graph, unless it has problems."""
    from graphflow.draw.drawing import of_checked, of_document
    from graphflow.draw.mermaid import mermaid
    from graphflow.draw.svg import svg
    from graphflow.system.files import write_atomically

    target: Path | None = arguments.output
    if target is not None and target.suffix not in (".svg", ".mmd"):
        raise FileProblem(f"{target}: the suffix must name the format\n  fix: write a name that ends in .svg or .mmd")
    loaded = load_checked(arguments, arguments.graph, catalog_of(arguments), complete=False)
    if loaded.checked is None or not loaded.checked.ok:
        show(loaded.problems, least=Level.PROBLEM)
        return WRONG
    drawing = of_checked(loaded.checked) if arguments.expand else of_document(loaded.checked.resolved)
    if target is None:
        echo(mermaid(drawing))
        return DONE
    text = svg(drawing) if target.suffix == ".svg" else mermaid(drawing)
    write_atomically(target, text.encode())
    echo(f"wrote {target}")
    return DONE
