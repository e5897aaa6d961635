"""The JSON Schema agrees with what `check` accepts."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from graphflow import default_catalog, library
from graphflow.catalog.schema import schema
from graphflow.document.known_keys import CHECKPOINT_KEYS, INPUT_KEYS, NODE_KEYS, TOP_KEYS

SCHEMA = schema(default_catalog())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_a_schema():
    written = json.loads(json.dumps(SCHEMA))
    jsonschema.Draft202012Validator.check_schema(written)
    assert written == SCHEMA  # it is JSON through and through


@pytest.mark.parametrize("name", [*library.graphs(), *library.templates()])
def test_every_library_document_is_valid(name: str):
    path = {**library.templates(), **library.graphs()}[name]
    assert VALIDATOR.is_valid(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("$a", True),
        ("{value: $a.image, format: jpeg, quality: 92}", True),
        ("{format: jpeg}", False),
        ("{value: $a, format: jpg}", False),
        ("{value: $a, quality: 101}", False),
    ],
)
def test_an_output_is_a_reference_or_a_map(output: str, right: bool):
    written = {"graphflow": 1, "nodes": {}, "outputs": {"o": yaml.safe_load(output)}}
    assert VALIDATOR.is_valid(written) is right


def document(node: str, **top: object) -> dict[str, object]:
    return {"graphflow": 1, "nodes": {"a": yaml.safe_load(node)}, **top}


RIGHT = [
    "{type: mask_blur, mask: $m, blur_factor: 3}",
    "{type: mask_blur, mask: $m, blur_factor: $b}",
    "{type: mask_blur, mask: $m, for_each: {blur_factor: [1, 2]}}",
    "{type: image_grid, images: [$a, b.png]}",
    "{type: image_grid, images: photos/*.png}",
    "{template: compare, anything: 3}",
    "{type: overlay, image: $i, mask: $m, generated: $g, mode: binary, when: $w, cache: false}",
]
WRONG = [
    "{type: mask_blurr, mask: $m}",
    "{type: mask_blur, mask: $m, blur_facto: 3}",
    "{type: mask_blur, mask: $m, blur_factor: -1}",
    "{type: mask_blur, mask: $m, blur_factor: often}",
    "{type: overlay, image: $i, mask: $m, generated: $g, mode: medium}",
    "{type: mask_blur, template: compare}",
    "{mask: $m}",
]


@pytest.mark.parametrize("node", RIGHT)
def test_right_nodes_are_valid(node: str):
    assert VALIDATOR.is_valid(document(node))


@pytest.mark.parametrize("node", WRONG)
def test_wrong_nodes_are_not(node: str):
    assert not VALIDATOR.is_valid(document(node))


def test_wrong_keys_and_input_types_are_not_valid():
    assert not VALIDATOR.is_valid(document(RIGHT[0], input={}))
    assert not VALIDATOR.is_valid(document(RIGHT[0], inputs={"x": {"type": "picture"}}))
    assert VALIDATOR.is_valid(document(RIGHT[0], inputs={"x": {"type": "list of image"}}))


def test_the_schema_describes_every_key_that_a_document_can_have():
    forms = SCHEMA["$defs"]
    assert set(SCHEMA["properties"]) == set(TOP_KEYS)
    assert set(forms["input"]["properties"]) == set(INPUT_KEYS)
    assert set(forms["checkpoint"]["properties"]) == set(CHECKPOINT_KEYS)
    assert set(forms["node"]["properties"]) | set(forms["node_switch"]["properties"]) >= set(NODE_KEYS)
