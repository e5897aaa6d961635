"""`graphflow schema`: the JSON Schema of documents."""

from __future__ import annotations

import argparse

from graphflow.catalog.schema import schema
from graphflow.cli.codes import DONE
from graphflow.cli.screens import echo_json
from graphflow.cli.shared_options import add_nodes_argument, catalog_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_nodes_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    echo_json(schema(catalog_of(arguments)), indent=2)
    return DONE
