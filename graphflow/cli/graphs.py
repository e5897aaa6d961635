"""`graphflow graphs`: the graphs and templates of the library."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphflow import library
from graphflow.cli.codes import DONE
from graphflow.cli.screens import echo
from graphflow.document.parse import read_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def execute(_: argparse.Namespace) -> int:
    """List graphs and templates with their descriptions."""
    for title, files in (("graphs", library.graphs()), ("templates", library.templates())):
        if not files:
            continue
        echo(f"{title}:")
        width = max(map(len, files))
        for name, path in files.items():
            echo(f"  {name:<{width}}  {_description(path)}".rstrip())
    return DONE


def _description(path: Path) -> str:
    document, _ = read_file(path)
    return document.description.strip().partition("\n")[0] if document is not None else ""
