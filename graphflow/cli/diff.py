"""`graphflow diff`: compare two graphs, pictures or runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from graphflow.cli.codes import DONE, FAILED
from graphflow.cli.screens import echo, echo_json
from graphflow.cli.shared_options import add_nodes_argument, catalog_of
from graphflow.cli.tables import encodable
from graphflow.compare.changes import Change
from graphflow.compare.run_diff import RunDiff, diff
from graphflow.text_helpers.words import json_text, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    known = "a YAML file, a library graph, a picture or run.json of a run, or its folder"
    parser.add_argument("before", metavar="A", help=known)
    parser.add_argument("now", metavar="B", help="the same, to compare with A")
    add_nodes_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the differences as one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Print the differences; the exit code is 1 if there are any."""
    found = diff(arguments.before, arguments.now, catalog_of(arguments))
    if arguments.json:
        echo_json(found.to_json(), indent=2)
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        echo("\n".join(encodable(one_line(line), encoding) for line in lines(found)))
    return DONE if found.equal else FAILED


def lines(found: RunDiff) -> Iterator[str]:
    """The differences as lines, in sections."""
    if found.equal:
        yield "nothing differs"
        return
    section = ""
    for change in found.graph:
        if change.section != section:
            section = change.section
            yield f"{section}:"
        yield f"  {_line(change)}"
    if found.values:
        yield "values of the run:"
        yield from (f"  {one.name}: {_value(one.before)} → {_value(one.now)}" for one in found.values)
    if found.differences:
        yield "machine and libraries:"
        for one in found.differences:
            yield f"  {one.cause}: {one.before} → {one.now}" + (f" ({one.why})" if one.why else "")
    for name, pixels in found.pixels.items():
        yield f"{name or 'pixels'}: {pixels}"
    if found.compared and not found.pixels:
        yield "pixels: equal"


def _line(change: Change) -> str:
    if change.kind in ("added", "removed"):
        sign, word = ("+", change.now) if change.kind == "added" else ("-", change.before)
        return f"{sign} {change.name}" + (f" ({word})" if word else "")
    if change.kind == "renamed":
        return f"renamed: {change.before} → {change.now}"
    verb = " reads" if change.kind == "rewired" else ""
    return f"{change.name}{verb}: {change.before or 'not given'} → {change.now or 'not given'}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("path") or value.get("name") or value.get("kind"))
    return "none" if value is None else json_text(value)
