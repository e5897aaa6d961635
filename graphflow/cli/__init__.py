"""The command line: `graphflow COMMAND …`, one file per command.

Exit codes are in `codes`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from graphflow.cli.codes import DONE, FAILED, INTERRUPTED, WRONG
from graphflow.cli.screens import echo
from graphflow.cli.streams import guarded
from graphflow.errors import FileProblem, GraphflowError, InvalidGraph
from graphflow.system.gc_pause import importing
from graphflow.system.idle_threads import let_idle_threads_sleep

COMMANDS = {
    "run": "run a graph and write its outputs",
    "sweep": "run a graph for each combination of values, with a grid of its pictures",
    "check": "report all problems of graphs",
    "plan": "show what a run would do",
    "draw": "draw a graph as SVG or Mermaid text",
    "graphs": "list the graphs and templates that come with graphflow",
    "nodes": "list node types, or explain one",
    "checkpoints": "list, verify, export and pull checkpoints",
    "cache": "show, prune, clear or verify the cache of results",
    "rerun": "repeat the run that made a picture, and compare its outputs",
    "diff": "compare two graphs, pictures or runs",
    "new": "start a graph from a copy of another one",
    "schema": "print the JSON Schema of documents, for editors",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    A result that cannot be printed is a failure. A run's results are its files, so its exit code does not depend
    on the screen.
    """
    with guarded() as (out, _):
        code, prints = _run(list(sys.argv[1:] if argv is None else argv))
        out.flush()
        if prints and out.lost:
            echo(f"graphflow: standard output cannot be written: {out.lost}", error=True)
            code = code or FAILED
    return code


def _run(argv: list[str]) -> tuple[int, bool]:
    """The exit code, and whether the command's result is what it prints."""
    prints = True
    # Before --nodes imports a file that may import torch.
    let_idle_threads_sleep(os.environ)
    try:
        arguments = _parser(argv).parse_args(argv)
        prints = _prints(arguments)
        if arguments.command is None:
            arguments.parser.print_help()
            return WRONG, prints
        _require_folder()
        return int(arguments.execute(arguments)), prints
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else DONE, prints
    except InvalidGraph as error:
        echo(error, error=True)
        return WRONG, prints
    except GraphflowError as error:
        echo(f"graphflow: {error}", error=True)
        return WRONG, prints
    except KeyboardInterrupt:
        echo("graphflow: interrupted", error=True)
        return INTERRUPTED, prints


def _require_folder() -> None:
    """Refuse to start in a folder that was removed, since paths are relative to it.

    Raises:
        FileProblem: the current folder was removed, or access is denied.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise FileProblem(f"the current folder cannot be read: {error.strerror}; change to another one") from error


def _prints(arguments: argparse.Namespace) -> bool:
    writes_files = arguments.command in ("run", "sweep", "rerun", "new") or getattr(arguments, "action", "") in (
        "export",
        "pull",
    )
    return not writes_files and getattr(arguments, "output", None) is None


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphflow", description="Run image-diffusion workflows written as YAML graphs."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print graphflow's version")
    parser.set_defaults(command=None, parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    named = next((word for word in argv if word in COMMANDS), None)
    for name, help_ in COMMANDS.items():
        command = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        if name == named:
            # Only the requested command is imported.
            with importing():
                module = importlib.import_module(f"graphflow.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(command=name, execute=module.execute)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from graphflow.system.distribution import shipped_version

        echo(f"graphflow {shipped_version()}")
        parser.exit()
