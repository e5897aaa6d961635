"""The command line: `graphflow COMMAND …`, one file a command.

Exit codes: 0 done, 1 a step failed, 2 the graph or the call is wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from graphflow.cli.codes import DONE, INTERRUPTED, WRONG
from graphflow.errors import GraphflowError, InvalidGraph

COMMANDS = {
    "run": "run a graph and write its outputs",
    "check": "tell everything that is wrong with graphs",
    "plan": "show what a run would do",
    "draw": "draw a graph as SVG or Mermaid text",
    "graphs": "list the graphs and templates that come with graphflow",
    "nodes": "list node types, or explain one",
    "checkpoints": "list, verify and export checkpoints",
    "new": "start a graph of your own from another one",
    "schema": "print the JSON Schema of documents, for editors",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser(list(sys.argv[1:] if argv is None else argv)).parse_args(argv)
    if arguments.command is None:
        arguments.parser.print_help()
        return WRONG
    try:
        return int(arguments.execute(arguments))
    except InvalidGraph as error:
        print(error, file=sys.stderr)
        return WRONG
    except GraphflowError as error:
        print(f"graphflow: {error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        print("graphflow: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (head, less) has gone; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


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
            # Only the command that is asked for is imported.
            module = importlib.import_module(f"graphflow.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(command=name, execute=module.execute)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from graphflow.distribution import shipped_version

        print(f"graphflow {shipped_version()}")
        parser.exit()
