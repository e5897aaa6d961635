"""The JSON Schema of documents, for YAML plugins of editors."""

from __future__ import annotations

from typing import Any

from graphflow.catalog.catalog import Catalog
from graphflow.catalog.node_type import MISSING, NodeType, Param
from graphflow.document.known_keys import NODE_KINDS, NODE_OPTIONS, RUN_SEED
from graphflow.document.model import FORMAT_VERSION
from graphflow.values.picture_format import LOSSY, PICTURE_FORMATS, QUALITIES
from graphflow.values.types import ATOMS, ListOf, Type, Union, Variable

_REFERENCE = r"^\$(?:[a-z][a-z0-9_]*|\{[a-z])"
_NAME = "^[a-z][a-z0-9_]*$"
_OPTIONS: dict[str, dict[str, Any]] = {
    "for_each": {"$ref": "#/$defs/for_each"},
    "when": {
        "anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/reference"}],
        "description": "Whether the node runs.",
    },
    "cache": {"type": "boolean", "description": "false: the results are never cached."},
    "run_seed": {
        "anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/reference"}],
        "description": "Of a template: it runs like a graph of its own with this seed.",
    },
}


def schema(catalog: Catalog) -> dict[str, Any]:
    """The schema (draft 2020-12) of documents that may use the node types of `catalog`."""
    types = [catalog[name] for name in catalog]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "graphflow document",
        "type": "object",
        "required": ["graphflow", "nodes"],
        "additionalProperties": False,
        "properties": {"graphflow": {"const": FORMAT_VERSION, "description": "The format version."}, **_graph()},
        "$defs": {
            "reference": {"type": "string", "pattern": _REFERENCE, "description": "$name, $node.port or $node.port[0]"},
            "input": _input(),
            "checkpoint": _checkpoint(),
            "output": _output(),
            "template": {
                "type": "object",
                "required": ["nodes", "outputs"],
                "additionalProperties": False,
                "properties": _graph(),
            },
            "for_each": _for_each(),
            "node": _node(types),
            **{f"node_{type_.name}": _type(type_) for type_ in types},
        },
    }


def _graph() -> dict[str, Any]:
    """The keys that a document and a template inside it have."""
    return {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "inputs": _named({"$ref": "#/$defs/input"}, "Values that the graph's caller can set."),
        "checkpoints": _named({"$ref": "#/$defs/checkpoint"}, "Short names for checkpoints, with details."),
        "templates": _named({"$ref": "#/$defs/template"}, "Graphs that nodes can insert by name."),
        "nodes": _named({"$ref": "#/$defs/node"}, "Nodes by id."),
        "outputs": _named(
            {"$ref": "#/$defs/output"}, "Values that the run writes; by default those that no node reads."
        ),
    }


def _named(value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": value,
    }


def _input() -> dict[str, Any]:
    word = f"(?:{'|'.join(ATOMS)})"
    term = f"(?:list of )?{word}"
    return {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string", "pattern": rf"^{term}(?: \| {term})*$", "examples": list(ATOMS)},
            "default": {"type": ["string", "number", "boolean", "array"]},
            "min": {"type": "number"},
            "max": {"type": "number"},
            "description": {"type": "string"},
        },
    }


def _checkpoint() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["source"],
        "additionalProperties": False,
        "properties": {
            "source": {**text, "description": "embedded/NAME, ./folder, ./file.safetensors or owner/name"},
            **dict.fromkeys(("revision", "variant", "dtype", "prior"), text),
            "components": {"type": "object"},
            **{key: {"type": ["array", "object", "string"]} for key in ("loras", "embeddings")},
            "scheduler": {"type": ["string", "object"]},
        },
    }


def _output() -> dict[str, Any]:
    return {
        "anyOf": [
            {"$ref": "#/$defs/reference"},
            {
                "type": "object",
                "required": ["value"],
                "additionalProperties": False,
                "properties": {
                    "value": {"$ref": "#/$defs/reference"},
                    "format": {"enum": list(PICTURE_FORMATS), "description": "The format of pictures; png by default."},
                    "quality": {
                        "type": "integer",
                        "minimum": QUALITIES[0],
                        "maximum": QUALITIES[-1],
                        "description": f"Quality of {' or '.join(LOSSY)}.",
                    },
                },
            },
        ]
    }


def _for_each() -> dict[str, Any]:
    lists = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["array", "string"]}}
    return {
        "description": "Lists to iterate over together; a list of such maps gives their product, the last fastest.",
        "anyOf": [lists, {"type": "array", "items": lists}],
    }


def _node(types: list[NodeType]) -> dict[str, Any]:
    return {
        "type": "object",
        "oneOf": [{"required": [kind]} for kind in NODE_KINDS],
        "properties": {
            "type": {"enum": [type_.name for type_ in types], "description": "A node type."},
            "template": {"type": "string", "description": "A template's name, or the path of a document."},
            RUN_SEED: _OPTIONS[RUN_SEED],
        },
        "allOf": [
            {
                "if": {"properties": {"type": {"const": type_.name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/node_{type_.name}"},
            }
            for type_ in types
        ],
    }


def _type(type_: NodeType) -> dict[str, Any]:
    properties = {"type": {"const": type_.name}, **{key: _OPTIONS[key] for key in NODE_OPTIONS if key != RUN_SEED}}
    for port in type_.ports.values():
        properties[port.name] = {**_value(port.type), "description": f"{port.type}. {port.doc}".strip()}
    for param in type_.params.values():
        properties[param.name] = _param(param)
    return {
        "description": type_.summary,
        "additionalProperties": False,
        "properties": properties,
    }


def _param(param: Param) -> dict[str, Any]:
    schema = _value(param.type, choices=param.choices, limits=_limits(param))
    usual = f" Not given: {param.usual}." if param.usual else ""
    schema["description"] = f"{param.allowed()}. {param.doc}{usual}".strip()
    if param.default is not MISSING and param.default is not None and not param.derived_seed:
        schema["default"] = list(param.default) if isinstance(param.default, tuple) else param.default
    return schema


def _limits(param: Param) -> dict[str, Any]:
    names = {
        "ge": "minimum",
        "gt": "exclusiveMinimum",
        "le": "maximum",
        "lt": "exclusiveMaximum",
        "multiple_of": "multipleOf",
    }
    return {
        names[name]: getattr(limit, name)
        for limit in param.constraints
        for name in names
        if getattr(limit, name, None) is not None
    }


def _value(type_: Type, *, choices: tuple[Any, ...] = (), limits: dict[str, Any] | None = None) -> dict[str, Any]:
    """The schema of a value of this type or a reference; for a string, any scalar is allowed."""
    return {"anyOf": [*_plain(type_, choices, limits or {}), {"$ref": "#/$defs/reference"}]}


def _plain(type_: Type, choices: tuple[Any, ...], limits: dict[str, Any]) -> list[dict[str, Any]]:
    if isinstance(type_, ListOf):
        items = _plain(type_.item, choices, limits)
        return [{"type": "array", "items": {"anyOf": [*items, {"$ref": "#/$defs/reference"}]}}, *items]
    if isinstance(type_, (Union, Variable)):
        members = type_.members if isinstance(type_, Union) else type_.options
        return [form for member in members for form in _plain(member, choices, limits)] or [{}]
    if choices:
        return [{"enum": list(choices)}]
    word = type_.word
    if word in ("int", "float"):
        return [{"type": "integer" if word == "int" else "number", **limits}]
    if word == "bool":
        return [{"type": "boolean"}]
    # A string is read as it is written, so a number or a bool is also accepted.
    return [{"type": ["string", "number", "boolean"]}] if word == "string" else [{"type": "string"}]
