"""Documents compared by meaning: what a run would notice is a change, how it is written is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as gf
from graphflow import library
from graphflow.catalog.catalog import default_catalog
from graphflow.compare.changes import Change, changes
from graphflow.document.parse import parse, read_file

BASE = """
graphflow: 1
name: base
inputs:
  photo: {type: image, default: photo.png}
  width: {type: int, default: 20, min: 1}
checkpoints:
  base: {source: embedded/sd, dtype: float32}
nodes:
  small: {type: resize, image: $photo, width: $width}
  soft: {type: mask_blur, mask: $photo, blur_factor: 4}
  paint: {type: img2img, image: $small, checkpoint: base, prompt: "a cat", strength: 0.5}
  grid: {type: image_grid, images: [$small.image, $paint], captions: [a, b]}
outputs: {image: $grid, mask: $soft}
"""


def _changes(before: str, now: str, folder: Path, other: Path | None = None) -> list[Change]:
    documents = []
    for text, where in ((before, folder), (now, other or folder)):
        document, problems = parse(text, "g.yaml", where)
        assert document is not None, problems
        documents.append(document)
    return changes(documents[0], documents[1], default_catalog())


def _told(before: str, now: str, folder: Path) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.name, one.before, one.now) for one in _changes(before, now, folder)]


SAME = {
    "other order of nodes and keys": (
        (
            "  small: {type: resize, image: $photo, width: $width}\n"
            "  soft: {type: mask_blur, mask: $photo, blur_factor: 4}"
        ),
        (
            "  soft: {mask: $photo, blur_factor: 4, type: mask_blur}\n"
            "  small: {width: $width, type: resize, image: $photo}"
        ),
    ),
    "block style, comments and quotes": (
        "  soft: {type: mask_blur, mask: $photo, blur_factor: 4}",
        "  # soft edges\n  soft:\n    type: 'mask_blur'\n    mask: \"$photo\"\n    blur_factor: 4",
    ),
    "a float written in another way": ("blur_factor: 4}", "blur_factor: 4.00e0}"),
    "a default that is written": ("mask: $photo, ", 'mask: $photo, cache: true, when: "true", '),
    "a default that is left out": (", blur_factor: 4}", "}"),
    "the first output by its name": ("image: $grid", "image: $grid.image"),
    "braces": ("$small.image, $paint", '"${small.image}", $paint'),
    "the name": ("name: base", "name: another\ndescription: The same."),
}


@pytest.mark.parametrize("name", SAME)
def test_how_a_graph_is_written_does_not_count(tmp_path: Path, name: str) -> None:
    old, new = SAME[name]
    assert old in BASE
    assert _changes(BASE, BASE.replace(old, new), tmp_path) == []
    assert _changes(BASE.replace(old, new), BASE, tmp_path) == []


CHANGED = {
    "a value": ("strength: 0.5", "strength: 0.8", ("changed", "paint.strength", "0.5", "0.8")),
    "a value that was not given": ("strength: 0.5", "seed: 3, strength: 0.5", ("changed", "paint.seed", "", "3")),
    "a text with a number": ('"a cat"', '"a cat 1"', ("changed", "paint.prompt", "a cat", "a cat 1")),
    "an edge": ("$small.image, ", "$photo, ", ("rewired", "grid.images", "[$small.image, $paint]", "[$photo, $paint]")),
    "another output": (", $paint]", ", $paint.latents]", None),
    "a default": ("default: 20", "default: 30", ("changed", "width.default", "20", "30")),
    "a limit": (", min: 1", "", ("changed", "width.min", "1", "")),
    "a detail": (", dtype: float32", ", dtype: float16", ("changed", "base.dtype", "float32", "float16")),
    "a node's type": ("type: mask_blur", "type: mask_grow", ("changed", "soft.type", "mask_blur", "mask_grow")),
    "an output": ("mask: $soft}", "mask: $small}", ("rewired", "mask", "$soft", "$small")),
    "a format": (
        "mask: $soft}", "mask: {value: $soft, format: jpeg}}", ("changed", "mask.format", "", "jpeg"),
    ),
    "an added node": ("nodes:\n", "nodes:\n  more: {type: resize, image: $photo, width: 3}\n",
                      ("added", "more", "", "resize")),
    "a removed input": (", mask: $soft}", "}", ("removed", "mask", "$soft", "")),
    "a for_each": ("  soft: {", "  soft: {for_each: {a: [1, 2]}, ", ("changed", "soft.for_each", "", "{a: [1, 2]}")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_what_a_run_would_notice_is_a_change(tmp_path: Path, name: str) -> None:
    old, new, told = CHANGED[name]
    assert old in BASE
    found = _told(BASE, BASE.replace(old, new), tmp_path)
    assert found
    if told is not None and name != "a node's type":
        assert found == [told]
    elif told is not None:
        assert told in found


def test_renamed_nodes_inputs_and_checkpoints_are_recognised(tmp_path: Path) -> None:
    now = BASE.replace("$small", "$little").replace("small:", "little:").replace("paint:", "draw:")
    now = now.replace("$paint", "$draw").replace("width: {", "side: {").replace("$width", "$side")
    now = now.replace("  base: {source", "  model: {source").replace("checkpoint: base", "checkpoint: model")
    assert _told(BASE, now, tmp_path) == [
        ("renamed", "side", "width", "side"),
        ("renamed", "model", "base", "model"),
        ("renamed", "little", "small", "little"),
        ("renamed", "draw", "paint", "draw"),
    ]
    # The nodes that read it are no changes, and a change of another node is told as such.
    assert ("changed", "soft.blur_factor", "4", "5") in _told(BASE, now.replace("factor: 4", "factor: 5"), tmp_path)


def test_equal_nodes_are_told_apart_by_what_they_read(tmp_path: Path) -> None:
    text = "graphflow: 1\ninputs: {{p: {{type: image}}, q: {{type: image}}}}\nnodes:\n"
    text += "  {0}: {{type: resize, image: $p, width: 9}}\n  {1}: {{type: resize, image: $q, width: 9}}\n"
    text += "  {2}: {{type: mask_invert, mask: ${0}}}\n  {3}: {{type: mask_invert, mask: ${1}}}\n"
    text += "outputs: {{x: ${2}, y: ${3}}}\n"
    told = _told(text.format("a", "b", "c", "d"), text.format("k", "l", "n", "m"), tmp_path)
    assert {(before, now) for kind, _, before, now in told if kind == "renamed"} == {
        ("a", "k"), ("b", "l"), ("c", "n"), ("d", "m"),
    }  # fmt: skip
    assert {kind for kind, *_ in told} == {"renamed"}


def test_a_graph_without_outputs_has_those_that_nothing_reads(tmp_path: Path) -> None:
    implied = BASE.replace("outputs: {image: $grid, mask: $soft}\n", "")
    assert _changes(implied, BASE.replace("{image: $grid, mask: $soft}", "{grid: $grid, soft: $soft}"), tmp_path) == []


def test_files_are_compared_by_their_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        gf.Image(bytes(12), 2, 2).save(folder / "photo.png")
    assert _changes(BASE, BASE, *folders) == []
    gf.Image.of(np.full((2, 2, 3), 9, np.uint8)).save(folders[1] / "photo.png")
    (change,) = _changes(BASE, BASE, *folders)
    assert (change.name, change.before, change.now) == ("photo.default", "photo.png", "photo.png")
    # A file that is not there is known by its name.
    for folder in folders:
        (folder / "photo.png").unlink()
    assert _changes(BASE, BASE, *folders) == []


def test_a_template_is_compared_by_its_meaning(tmp_path: Path) -> None:
    template = "graphflow: 1\ninputs: {image: {type: image}, side: {type: int}}\n"
    template += "nodes: {cut: {type: resize, image: $image, width: $side}}\noutputs: {image: $cut}\n"
    text = "graphflow: 1\ninputs: {p: {type: image}}\nnodes: {a: {template: ./t.yaml, image: $p, side: 0x10}}\n"
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        (folder / "t.yaml").write_text(template)
    (folders[1] / "t.yaml").write_text("# Another comment.\n" + template)
    assert _changes(text, text.replace("0x10", "16"), *folders) == []
    (folders[1] / "t.yaml").write_text(template.replace("width", "height"))
    (change,) = _changes(text, text, *folders)
    assert (change.name, change.now) == ("a.template", "./t.yaml, with other content")


def test_the_seed_of_a_template_is_a_number(tmp_path: Path) -> None:
    text = "graphflow: 1\ntemplates: {cut: {nodes: {}}}\nnodes: {a: {template: cut, run_seed: 0x10}}\n"
    assert _changes(text, text.replace("0x10", "16"), tmp_path) == []
    assert _told(text, text.replace("0x10", "17"), tmp_path) == [("changed", "a.run_seed", "0x10", "17")]


@pytest.mark.parametrize("name", library.graphs())
def test_no_library_graph_differs_from_itself(name: str) -> None:
    document, _ = read_file(library.graphs()[name])
    assert document is not None
    assert changes(document, document, default_catalog()) == []


def test_unknown_types_and_damaged_values_are_compared_as_text(tmp_path: Path) -> None:
    text = "graphflow: 1\nnodes: {a: {type: unheard, x: 1.0, width: $b, for_each: 3}, b: {type: resize, width: many}}\n"
    assert _changes(text, text, tmp_path) == []
    assert _told(text, text.replace("1.0", "1"), tmp_path) == [("changed", "a.x", "1.0", "1")]


INSIDE = """
graphflow: 1
templates:
  soften:
    inputs: {photo: {type: image}, radius: {type: float, default: 4}}
    nodes: {soft: {type: mask_blur, mask: $photo, blur_factor: $radius}}
    outputs: {mask: $soft}
nodes:
  each: {template: soften, photo: photo.png, run_seed: 1, for_each: {radius: [1, 2]}}
outputs: {masks: $each}
"""


@pytest.mark.parametrize(
    ("written", "now", "told"),
    [
        ("default: 4", "default: 5", ("changed", "soften/radius.default", "4", "5")),
        ("blur_factor: $radius", "blur_factor: 3", ("rewired", "soften/soft.blur_factor", "$radius", "3")),
        ("run_seed: 1", "run_seed: 2", ("changed", "each.run_seed", "1", "2")),
        ("radius: [1, 2]", "radius: [1.0, 3]", ("changed", "each.for_each", "{radius: [1, 2]}", "{radius: [1.0, 3]}")),
    ],
)
def test_templates_inside_documents_are_compared_value_by_value(
    written: str, now: str, told: tuple[str, str, str, str], tmp_path: Path
) -> None:
    assert _told(INSIDE, INSIDE.replace(written, now), tmp_path) == [told]


def test_values_of_templates_inside_documents_are_compared_by_type(tmp_path: Path) -> None:
    assert _told(INSIDE, INSIDE.replace("radius: [1, 2]", "radius: [1.0, 2e0]"), tmp_path) == []
