"""Names of repositories of the model hub, with the commits that a recorded run used."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.checkpoints.hub_cache import commit_of, is_repository, origin, split_name
from graphflow.document.model import CheckpointDecl, Document, NodeDecl
from graphflow.document.tree import Entry, Scalar, Sequence, Tree
from graphflow.values.types import CHECKPOINT


def at_commits(document: Document, catalog: Catalog, commits: Mapping[str, str]) -> Document:
    """The document with the recorded commit in every name of a repository that stands for another commit now.

    Args:
        document: of the recorded run.
        catalog: says which params are checkpoints.
        commits: repository → commit of the recorded run.
    """
    commits = {name: commit for name, commit in commits.items() if commit_of(name) != commit}
    if not commits:
        return document
    checkpoints = {name: _checkpoint(decl, commits) for name, decl in document.checkpoints.items()}
    nodes = {id_: _node(node, catalog, commits) for id_, node in document.nodes.items()}
    return dataclasses.replace(document, checkpoints=checkpoints, nodes=nodes)


def value_at_commit(value: Any, tree: Tree) -> Tree:
    """The value of an input, with the recorded commit in the name of a repository as above.

    Args:
        value: as in the record.
        tree: the same as a document writes it.
    """
    if isinstance(tree, Sequence):
        return Sequence(tuple(map(value_at_commit, value, tree.items)), tree.place)
    if not isinstance(tree, Scalar) or not isinstance(value, dict) or value.get("kind") != "checkpoint":
        return tree
    found = origin(Path(str(value.get("path", ""))))
    if found is None or not is_repository(tree.text) or commit_of(tree.text) == found[1]:
        return tree
    return dataclasses.replace(tree, text=f"{split_name(tree.text)[0]}@{found[1]}")


def _checkpoint(decl: CheckpointDecl, commits: Mapping[str, str]) -> CheckpointDecl:
    entries = decl.details.entries
    if "revision" in entries:
        return decl
    source = _at_commit(decl.source, commits)
    details = dataclasses.replace(decl.details, entries={**entries, "source": Entry(source, entries["source"].place)})
    return dataclasses.replace(decl, source=source, details=details)


def _node(node: NodeDecl, catalog: Catalog, commits: Mapping[str, str]) -> NodeDecl:
    params = catalog[node.ref.text].params if node.kind == "type" and node.ref.text in catalog else {}
    values = dict(node.values)
    for key, entry in values.items():
        if key in params and params[key].type == CHECKPOINT and isinstance(entry.value, Scalar):
            values[key] = Entry(_at_commit(entry.value, commits), entry.place)
    return dataclasses.replace(node, values=values)


def _at_commit(scalar: Scalar, commits: Mapping[str, str]) -> Scalar:
    commit = commits.get(scalar.text)
    return scalar if commit is None else dataclasses.replace(scalar, text=f"{scalar.text}@{commit}")
