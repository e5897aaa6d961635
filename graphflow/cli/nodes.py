"""`graphflow nodes`: a list of node types, or the help of one."""

from __future__ import annotations

import argparse
import sys
from itertools import groupby

from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import MISSING, NodeType, Param, Port
from graphflow.cli.screens import echo
from graphflow.cli.shared_options import add_nodes_argument, catalog_of
from graphflow.errors import DefinitionError
from graphflow.problems import did_you_mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this node type")
    add_nodes_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """List all node types, or print the help of one."""
    catalog = catalog_of(arguments)
    if sys.flags.optimize >= 2:
        echo("graphflow: help texts are missing: python -OO (or PYTHONOPTIMIZE=2) removes docstrings", error=True)
    if arguments.name is None:
        _list(catalog)
        return 0
    if arguments.name not in catalog:
        fix = did_you_mean(arguments.name, list(catalog), else_="known")
        raise DefinitionError(f"there is no node type {arguments.name}\n  fix: {fix}")
    echo("\n".join(explanation(catalog[arguments.name])))
    return 0


def _list(catalog: Catalog) -> None:
    types = sorted((catalog[name] for name in catalog), key=lambda type_: (type_.group, type_.name))
    width = max(len(type_.name) for type_ in types)
    for group, members in groupby(types, key=lambda type_: type_.group):
        echo(f"{group or 'others'}:")
        for type_ in members:
            echo(f"  {type_.name:<{width}}  {type_.summary}")


def explanation(type_: NodeType) -> list[str]:
    """The help of a node type: its description, ports, params and outputs."""
    shown = [f"{type_.name}", "", *type_.doc.splitlines()]
    ports = [(port.name, _port(port), port.doc) for port in type_.ports.values()]
    params = [(param.name, _param(param), param.doc) for param in type_.params.values()]
    outputs = [(output.name, str(output.type), output.doc) for output in type_.outputs.values()]
    sections = (
        ("ports (take a node's output, an input or a value)", ports),
        ("params (known before the run)", params),
        ("outputs (the node's bare name means the first)", outputs),
    )
    for title, rows in sections:
        if rows:
            shown += ["", f"{title}:"]
            width = max(len(name) for name, _, _ in rows)
            for name, type_text, doc in rows:
                shown.append(f"  {name:<{width}}  {type_text}")
                shown += [f"  {'':<{width}}    {doc}"] if doc else []
    return shown


def _port(port: Port) -> str:
    return f"{port.type}{', optional' if port.optional else ''}"


def _param(param: Param) -> str:
    if param.derived_seed:
        return f"{param.allowed()}, default: from the run's seed and the node's path"
    if param.default is MISSING:
        return f"{param.allowed()}, required"
    if param.default is None:
        return f"{param.allowed()}, " + (f"not given: {param.usual}" if param.usual else "optional")
    default = param.default
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"{param.allowed()}, default: {shown}"
