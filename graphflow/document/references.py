"""The references inside values of a document."""

from __future__ import annotations

from collections.abc import Iterator

from graphflow.document.model import NodeDecl
from graphflow.document.text import Reference, read_text
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Place


def tree_references(tree: Tree | None) -> Iterator[tuple[Reference, Place]]:
    """Every reference in a value, with the place of its scalar."""
    pending = [tree] if tree is not None else []
    while pending:
        value = pending.pop()
        if isinstance(value, Scalar):
            if "$" in value.text:
                yield from ((part, value.place) for part in read_text(value.text) if isinstance(part, Reference))
        elif isinstance(value, Sequence):
            pending.extend(reversed(value.items))
        else:
            pending.extend(entry.value for entry in reversed(list(value.entries.values())))


def node_references(decl: NodeDecl) -> Iterator[tuple[Reference, Place]]:
    """Every reference in any key of a node."""
    for tree in (*(entry.value for entry in decl.values.values()), *decl.options.values()):
        yield from tree_references(tree)


def is_reference(tree: Tree) -> bool:
    """Whether a value is a single reference and nothing else."""
    if not isinstance(tree, Scalar) or "$" not in tree.text:
        return False
    parts = read_text(tree.text)
    return len(parts) == 1 and isinstance(parts[0], Reference)
