"""`graphflow graphs`: the graphs and templates of the library."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from graphflow import library
from graphflow.checkpoints.hub_cache import is_repository
from graphflow.cli.codes import DONE
from graphflow.cli.screens import echo
from graphflow.document.model import Document, InputDecl
from graphflow.document.parse import read_file
from graphflow.document.tree import Scalar
from graphflow.values.types import Atom


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def execute(_: argparse.Namespace) -> int:
    """List graphs and templates with their descriptions."""
    graphs, templates = _read(library.graphs()), _read(library.templates())
    downloading = {name: graph for name, graph in graphs.items() if _names_repositories(graph)}
    offline = {name: graph for name, graph in graphs.items() if name not in downloading}
    _list("graphs", offline)
    _list("graphs with checkpoints of the model hub, which the first run downloads", downloading)
    _list("templates", templates)
    return DONE


def _read(files: Mapping[str, Path]) -> dict[str, Document | None]:
    return {name: read_file(path)[0] for name, path in files.items()}


def _names_repositories(document: Document | None) -> bool:
    return document is not None and any(map(_is_repository, document.inputs.values()))


def _is_repository(declared: InputDecl) -> bool:
    type_, default = declared.type, declared.default
    is_checkpoint = isinstance(type_, Atom) and type_.word == "checkpoint"
    named = default.text if is_checkpoint and isinstance(default, Scalar) else ""
    return is_repository(named) and not named.startswith("embedded/")


def _list(title: str, documents: Mapping[str, Document | None]) -> None:
    if documents:
        echo(f"{title}:")
    width = max(map(len, documents), default=0)
    for name, document in documents.items():
        described = "" if document is None else document.description.strip().partition("\n")[0]
        echo(f"  {name:<{width}}  {described}".rstrip())
