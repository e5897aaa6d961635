"""The changes from one document to another, by meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from graphflow.catalog.catalog import Catalog
from graphflow.compare.meaning import Meaning
from graphflow.compare.renames import renamed_checkpoints, renamed_inputs, renamed_nodes
from graphflow.document.model import Document, InputDecl, NodeDecl
from graphflow.document.references import tree_references
from graphflow.document.tree import Scalar, Sequence, Tree

Section = Literal["inputs", "checkpoints", "nodes", "outputs"]
Kind = Literal["added", "removed", "renamed", "changed", "rewired"]

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a document.

    Attributes:
        section: of the document.
        kind: `changed` for a value, `rewired` for a value that reads something else now.
        name: of the input, checkpoint, node or output; with the key for a value: `fill.strength`. Inside a template of
            the document, its name comes first: `graph/fill.strength`.
        before, now: the values as written, the types of nodes, or the names of something renamed; empty for none.
    """

    section: Section
    kind: Kind
    name: str
    before: str = ""
    now: str = ""


def changes(before: Document, now: Document, catalog: Catalog) -> list[Change]:
    """The changes from `before` to `now`, by section; order, and names and descriptions of graphs, don't count.

    Args:
        before: may have problems.
        now: may have problems.
        catalog: the node types that the documents may use; values of nodes of other types are compared as text.
    """
    old, new = Meaning(before, catalog), Meaning(now, catalog)
    renamed = {"inputs": renamed_inputs(old, new), "checkpoints": renamed_checkpoints(old, new)}
    old.renamed = {**renamed["inputs"], **renamed["checkpoints"]}
    renamed["nodes"] = renamed_nodes(old, new)
    old.renamed |= renamed["nodes"]
    found = [
        *_named("inputs", before.inputs, now.inputs, renamed["inputs"]),
        *_named("checkpoints", before.checkpoints, now.checkpoints, renamed["checkpoints"]),
        *_named("nodes", before.nodes, now.nodes, renamed["nodes"]),
        *_inputs(old, new),
        *_checkpoints(old, new),
        *_nodes(old, new),
        *_outputs(old, new),
    ]
    for name in (name for name in before.templates if name in now.templates):
        inside = changes(before.templates[name], now.templates[name], catalog)
        found += [replace(change, name=f"{name}/{change.name}") for change in inside]
    sections = ("inputs", "checkpoints", "nodes", "outputs")
    return sorted(found, key=lambda change: sections.index(change.section))


def _named(section: Section, before: dict[str, Any], now: dict[str, Any], renamed: dict[str, str]) -> Iterator[Change]:
    """The entries that were added, removed or renamed."""
    for name, other in renamed.items():
        yield Change(section, "renamed", other, name, other)
    for name, decl in before.items():
        if name not in now and name not in renamed:
            yield Change(section, "removed", name, _word(decl))
    for name, decl in now.items():
        if name not in before and name not in renamed.values():
            yield Change(section, "added", name, now=_word(decl))


def _word(decl: Any) -> str:
    """A declaration in a word: the type of a node or an input, the source of a checkpoint."""
    if isinstance(decl, NodeDecl):
        return decl.ref.text
    return str(decl.type) if isinstance(decl, InputDecl) else str(decl.source.text)


def _inputs(old: Meaning, new: Meaning) -> Iterator[Change]:
    for name, decl in old.document.inputs.items():
        other = new.document.inputs.get(old.renamed.get(name, name))
        if other is None:
            continue
        if decl.type != other.type:
            yield Change("inputs", "changed", f"{other.name}.type", str(decl.type), str(other.type))
        for key, field in (("default", "default"), ("min", "minimum"), ("max", "maximum")):
            was, tree = getattr(decl, field), getattr(other, field)
            if old.value(was, decl.type, literal=True) != new.value(tree, other.type, literal=True):
                yield Change("inputs", "changed", f"{other.name}.{key}", shown(was), shown(tree))


def _checkpoints(old: Meaning, new: Meaning) -> Iterator[Change]:
    for name, decl in old.document.checkpoints.items():
        other = new.document.checkpoints.get(old.renamed.get(name, name))
        if other is None:
            continue
        was, now = old.source(name), new.source(other.name)
        for key in dict.fromkeys([*was, *now]):
            if was.get(key) != now.get(key):
                trees = [entries[key].value if key in entries else None for entries in _entries(decl, other)]
                yield Change("checkpoints", "changed", f"{other.name}.{key}", shown(trees[0]), shown(trees[1]))


def _entries(*decls: Any) -> list[Any]:
    return [decl.details.entries for decl in decls]


def _nodes(old: Meaning, new: Meaning) -> Iterator[Change]:
    for id_, node in old.document.nodes.items():
        other = new.document.nodes.get(old.renamed.get(id_, id_))
        if other is None:
            continue
        if (node.kind, node.ref.text) != (other.kind, other.ref.text) and old.kind(node) != new.kind(other):
            yield Change("nodes", "changed", f"{other.id}.{other.kind}", node.ref.text, other.ref.text)
        elif old.kind(node) != new.kind(other):
            yield Change(
                "nodes", "changed", f"{other.id}.template", node.ref.text, f"{other.ref.text}, with other content"
            )
        was, now = old.keys(node), new.keys(other)
        for key in dict.fromkeys([*was, *now]):
            if was.get(key) != now.get(key):
                trees = [_tree(one, key) for one in (node, other)]
                wired = any(tree is not None and any(tree_references(tree)) for tree in trees)
                kind: Kind = "rewired" if wired else "changed"
                yield Change("nodes", kind, f"{other.id}.{key}", shown(trees[0]), shown(trees[1]))


def _tree(node: NodeDecl, key: str) -> Tree | None:
    return node.options.get(key) or (node.values[key].value if key in node.values else None)


def _outputs(old: Meaning, new: Meaning) -> Iterator[Change]:
    before, now = _shown_outputs(old.document), _shown_outputs(new.document)
    implied = old.document.outputs is None
    names = {name: old.renamed.get(name, name) if implied else name for name in before}
    for name, other in names.items():
        if other not in now:
            yield Change("outputs", "removed", name, shown(before[name]["value"]))
            continue
        for key in dict.fromkeys([*before[name], *now[other]]):
            trees = before[name].get(key), now[other].get(key)
            if old.value(trees[0]) != new.value(trees[1]):
                kind: Kind = "rewired" if key == "value" else "changed"
                label = other if key == "value" else f"{other}.{key}"
                yield Change("outputs", kind, label, shown(trees[0]), shown(trees[1]))
    for name, keys in now.items():
        if name not in names.values():
            yield Change("outputs", "added", name, now=shown(keys["value"]))


def _shown_outputs(document: Document) -> dict[str, dict[str, Tree]]:
    """Output → its keys; of a document without `outputs`, every node that nothing reads is an output."""
    if document.outputs is not None:
        return {
            name: {
                key: tree
                for key, tree in (("value", decl.value), ("format", decl.format), ("quality", decl.quality))
                if tree is not None
            }
            for name, decl in document.outputs.items()
        }
    read = {reference.name for node in document.nodes.values() for reference, _ in node.references}
    return {id_: {"value": Scalar(f"${id_}")} for id_ in document.nodes if id_ not in read}


def shown(tree: Tree | None) -> str:
    """A value as a document writes it, on one line; empty for none."""
    text = _written(tree)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _written(tree: Tree | None) -> str:
    if tree is None:
        return ""
    if isinstance(tree, Scalar):
        return tree.text if tree.text and tree.text == tree.text.strip() and "\n" not in tree.text else repr(tree.text)
    if isinstance(tree, Sequence):
        return f"[{', '.join(map(_written, tree.items))}]"
    return f"{{{', '.join(f'{key}: {_written(entry.value)}' for key, entry in tree.entries.items())}}}"
