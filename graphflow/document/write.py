"""From a `Document` back to YAML text that parses to an equal document."""

from __future__ import annotations

from typing import Any

import yaml

from graphflow.document.model import FORMAT_VERSION, Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.scalars import write_scalar
from graphflow.document.tree import Mapping, Scalar, Sequence, Tree
from graphflow.errors import InvalidValue

_STRING = "tag:yaml.org,2002:str"
_RESOLVER: Any = yaml.resolver.Resolver()
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write(document: Document) -> str:
    """The document as YAML, sections in their usual order, one blank line between nodes.

    Raises:
        InvalidValue: a text in it cannot be encoded as UTF-8.
    """
    version = f"graphflow: {write_scalar(FORMAT_VERSION)}\n"
    head, *blocks = _blocks(document)
    return "\n".join([version + head, *blocks])


def _blocks(document: Document) -> list[str]:
    """The sections of a document or of a template inside it; the first is its name and description, or empty."""
    head: dict[str, Tree] = {key: Scalar(text) for key in ("name", "description") if (text := getattr(document, key))}
    blocks = [_block(_map(head)) if head else ""]
    if document.inputs:
        blocks.append(_section("inputs", {name: _input(decl) for name, decl in document.inputs.items()}, flow=True))
    if document.checkpoints:
        entries: dict[str, Tree] = {name: decl.details for name, decl in document.checkpoints.items()}
        blocks.append(_section("checkpoints", entries, flow=True))
    if document.templates:
        templates = [f"{name}:\n{_indented(_inner(inner))}" for name, inner in document.templates.items()]
        blocks.append("templates:\n" + _indented("\n".join(templates)))
    nodes = {name: _node(decl) for name, decl in document.nodes.items()}
    blocks.append("nodes:\n" + "\n".join(_indented(_block(_map({name: tree}))) for name, tree in nodes.items()))
    if not nodes:
        blocks[-1] = "nodes: {}\n"
    if document.outputs is not None:
        outputs: dict[str, Tree] = {name: _output(decl) for name, decl in document.outputs.items()}
        blocks.append(_section("outputs", outputs, flow=True))
    return blocks


def _inner(template: Document) -> str:
    return "\n".join(filter(None, _blocks(template)))


def _section(key: str, entries: dict[str, Tree], *, flow: bool = False) -> str:
    if not entries:
        return f"{key}: {{}}\n"
    return f"{key}:\n" + _indented("".join(_block(_map({name: tree}), flow=flow) for name, tree in entries.items()))


def _indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _map(entries: dict[str, Tree]) -> yaml.MappingNode:
    return yaml.MappingNode(
        "tag:yaml.org,2002:map",
        [(_scalar(Scalar(key)), _tree(tree)) for key, tree in entries.items()],
        flow_style=False,
    )


def _block(node: yaml.MappingNode, *, flow: bool = False) -> str:
    if flow:
        for _, value in node.value:
            if isinstance(value, yaml.MappingNode):
                value.flow_style = True
    try:
        return str(yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=100))
    except UnicodeEncodeError as error:
        text = error.object[error.start : error.end]
        raise InvalidValue(f"text that contains {text!r} cannot be saved: it is half a character") from error


def _tree(tree: Tree, *, inner: bool = False) -> yaml.Node:
    if isinstance(tree, Scalar):
        return _scalar(tree)
    if isinstance(tree, Sequence):
        short = all(isinstance(item, Scalar) for item in tree.items)
        return yaml.SequenceNode(
            "tag:yaml.org,2002:seq", [_tree(item, inner=True) for item in tree.items], flow_style=short
        )
    return yaml.MappingNode(
        "tag:yaml.org,2002:map",
        [(_scalar(Scalar(key)), _tree(entry.value, inner=True)) for key, entry in tree.entries.items()],
        flow_style=inner and all(not isinstance(entry.value, Mapping) for entry in tree.entries.values()),
    )


def _plain(text: str) -> Scalar:
    return Scalar(text, kind=int)


def _scalar(scalar: Scalar) -> yaml.ScalarNode:
    # Python text that looks like a number or a bool is quoted for other YAML readers.
    quoted = scalar.kind is str
    tag = _STRING if quoted else _RESOLVER.resolve(yaml.ScalarNode, scalar.text, (True, False))
    if not scalar.text:
        return yaml.ScalarNode(_STRING, "", style='"')
    # PyYAML's own emitter, used without libyaml, loses these outside double quotes.
    breaks = any(letter in scalar.text for letter in "\r\x85\u2028\u2029\ufeff")
    return yaml.ScalarNode(tag, scalar.text, style='"' if breaks else None)


def _input(decl: InputDecl) -> Tree:
    entries: dict[str, Tree | None] = {
        "type": Scalar(str(decl.type)),
        "default": decl.default,
        "min": decl.minimum,
        "max": decl.maximum,
        "description": Scalar(decl.description) if decl.description else None,
    }
    return _mapping(entries)


def _node(decl: NodeDecl) -> Tree:
    entries: dict[str, Tree | None] = {
        decl.kind: decl.ref,
        **decl.options,
        **{key: entry.value for key, entry in decl.values.items()},
    }
    return _mapping(entries)


def _output(decl: OutputDecl) -> Tree:
    if decl.format is None and decl.quality is None:
        return decl.value
    return _mapping({"value": decl.value, "format": decl.format, "quality": decl.quality})


def _mapping(entries: dict[str, Tree | None]) -> Mapping:
    from graphflow.document.tree import Entry

    return Mapping({key: Entry(value) for key, value in entries.items() if value is not None})
