"""Declarations of a document that nothing uses."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from graphflow.check.seeds import is_run_seed
from graphflow.document.model import Document
from graphflow.document.references import tree_references
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Problem


def unused(document: Document, meant: Collection[str] = ()) -> Iterator[Problem]:
    """Inputs that nothing reads, checkpoints that nothing names, nodes that no output needs.

    Args:
        document: as parsed.
        meant: names that unknown references probably mean; they count as read.
    """
    shown = [ref.name for decl in (document.outputs or {}).values() for ref, _ in tree_references(decl.value)]
    read = {reference.name for decl in document.nodes.values() for reference, _ in decl.references}
    read.update(shown, meant)
    for name, decl in document.inputs.items() if document.nodes else ():
        # The seed of the run is the value of such an input, whether a node reads it or not.
        if name not in read and not is_run_seed(decl):
            fix = f"reference it as ${name}, or remove it"
            yield Problem("unused-input", f"nothing reads the input {name}", "", fix, decl.place)
    named = _texts(document) if document.checkpoints else set()
    for name, checkpoint in document.checkpoints.items():
        if name not in named and name not in meant:
            yield Problem("unused-checkpoint", f"nothing uses the checkpoint {name}", "", "remove it", checkpoint.place)
    if document.outputs is None:
        return
    needed = _needed(document, [*shown, *meant])
    for id_, node in document.nodes.items():
        if id_ not in needed:
            fix = f"add an output that shows ${id_}, or remove the node"
            yield Problem("unread-node", f"no output needs the node {id_}", "it will not run", fix, node.place)


def _texts(document: Document) -> set[str]:
    """Every text in the document that could name a checkpoint."""
    texts: set[str] = set()
    pending: list[Tree | None] = [decl.default for decl in document.inputs.values()]
    pending += [decl.details for decl in document.checkpoints.values()]
    for decl in document.nodes.values():
        pending += [decl.for_each, *(entry.value for entry in decl.values.values())]
    while pending:
        tree = pending.pop()
        if isinstance(tree, Scalar):
            texts.add(tree.text)
        elif isinstance(tree, Sequence):
            pending.extend(tree.items)
        elif tree is not None:
            pending.extend(entry.value for entry in tree.entries.values())
    return texts


def _needed(document: Document, shown: list[str]) -> set[str]:
    """The nodes that the shown ones need, themselves included."""
    needed: set[str] = set()
    pending = list(shown)
    while pending:
        id_ = pending.pop()
        if id_ not in needed and id_ in document.nodes:
            needed.add(id_)
            pending += [reference.name for reference, _ in document.nodes[id_].references]
    return needed
