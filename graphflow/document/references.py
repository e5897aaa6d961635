"""The references inside values of a document."""

from __future__ import annotations

from typing import TypeGuard

from graphflow.document.text import Reference
from graphflow.document.tree import Scalar, Sequence, Tree
from graphflow.problems import Place


def tree_references(*trees: Tree | None) -> list[tuple[Reference, Place]]:
    """Every reference in values, each with the place of its scalar."""
    found: list[tuple[Reference, Place]] = []
    pending = [tree for tree in reversed(trees) if tree is not None]
    while pending:
        value = pending.pop()
        if isinstance(value, Scalar):
            if "$" in value.text:
                found += [(part, value.place) for part in value.parts if isinstance(part, Reference)]
        elif isinstance(value, Sequence):
            pending.extend(reversed(value.items))
        else:
            pending.extend(entry.value for entry in reversed(list(value.entries.values())))
    return found


def is_reference(tree: Tree) -> TypeGuard[Scalar]:
    """Whether a value is a single reference and nothing else."""
    if not isinstance(tree, Scalar) or "$" not in tree.text:
        return False
    return len(tree.parts) == 1 and isinstance(tree.parts[0], Reference)
