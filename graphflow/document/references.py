"""The references inside values of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from graphflow.document.text import Reference
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Place


def tree_references(tree: Tree | None) -> Iterator[tuple[Reference, Place]]:
    """Every reference in a value, with the place of its scalar."""
    pending = [tree] if tree is not None else []
    while pending:
        value = pending.pop()
        if isinstance(value, Scalar):
            if "$" in value.text:
                yield from ((part, value.place) for part in value.parts if isinstance(part, Reference))
        elif isinstance(value, Sequence):
            pending.extend(reversed(value.items))
        else:
            pending.extend(entry.value for entry in reversed(list(value.entries.values())))


def is_reference(tree: Tree) -> TypeGuard[Scalar]:
    """Whether a value is a single reference and nothing else."""
    if not isinstance(tree, Scalar) or "$" not in tree.text:
        return False
    return len(tree.parts) == 1 and isinstance(tree.parts[0], Reference)
