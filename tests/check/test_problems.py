"""Every problem is told at once, in its place, and nothing that only follows from another one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from graphflow.check.checked import Checked
from graphflow.document.parse import read_file
from graphflow.problems import Level

Told = Callable[..., list[str]]


MANY = """\
inputs:
  strength: {type: float, default: much}
nodes:
  a: {type: mask_blur, mask: $nothing, blur_factor: -1}
  b: {type: mask_bluur, mask: $a}
  c: {type: mask_grow, mask: gone.png, pixels: $strength, shape: round}
  d: {type: resize, image: $c, like: $c.picture, colour: red}
outputs:
  a: $b
  d: $d
  e: $d[0]
"""


def test_check_finds_every_problem_and_not_only_the_first(checked: Callable[..., Checked]) -> None:
    lines = ["", "graphflow: 1", *MANY.splitlines()]
    found = [(lines[one.place.line][one.place.column - 1 :], one.code) for one in checked(MANY).problems]
    assert [(text.partition(",")[0].rstrip("}"), code) for text, code in found] == [
        ("much", "bad-value"),
        ("$nothing", "unknown-name"),
        ("-1", "bad-value"),
        ("mask_bluur", "unknown-type"),
        ("gone.png", "file-missing"),
        ("$strength", "type-mismatch"),
        ("round", "bad-value"),
        ("$c.picture", "unknown-output"),
        ("colour: red", "unknown-key"),
        ("$d[0]", "bad-index"),
    ]


MASK = "type: mask_blur, mask"
ONE_FAULT = {
    # what is wrong: its code, the inputs, the nodes
    "an input without type": ("missing-key", "a: {default: x}", f"b: {{{MASK}: $a}}"),
    "an input of a wrong type": ("unknown-value-type", "a: {type: img}", f"b: {{{MASK}: $a}}"),
    "a default of no type": ("bad-value", "a: {type: float, default: x}", f"b: {{{MASK}: mask.png, blur_factor: $a}}"),
    "an empty default": ("empty-value", "a: {type: float, default: }", f"b: {{{MASK}: mask.png, blur_factor: $a}}"),
    "a default outside its limits": (
        "bad-value", "a: {type: float, default: -1, min: 0}", f"b: {{{MASK}: mask.png, blur_factor: $a}}",
    ),
    "a missing file": (
        "file-missing", "a: {type: image, default: x.png}",
        f"b: {{{MASK}: $a}}", "c: {type: mask_combine, mask: $a, other: $b}",
    ),
    "a folder for one mask": ("file-missing", "", f"a: {{{MASK}: photos}}", f"b: {{{MASK}: $a}}"),
    "an unknown node type": (
        "unknown-type", "", "a: {type: blur, mask: mask.png, x: 1}", f"b: {{{MASK}: $a.x}}", f"c: {{{MASK}: '$a[2]'}}",
    ),
    "an unknown name": (
        "unknown-name", "", f"a: {{{MASK}: $x}}", "b: {type: mask_combine, mask: $a, other: mask.png}",
    ),
    "a misspelt name": ("unknown-name", "mask: {type: mask, default: mask.png}", f"a: {{{MASK}: $msk}}"),
    "a misspelt key": ("unknown-key", "", "a: {type: mask_blur, msk: mask.png}"),
    "a misspelt key of for_each": ("unknown-key", "", "a: {type: mask_grow, mask: mask.png, for_each: {pixel: [1]}}"),
    "an empty value": ("empty-value", "", f"a: {{{MASK}: }}", f"b: {{{MASK}: $a}}"),
    "an empty type": ("empty-value", "", "a: {type: , mask: mask.png}", f"b: {{{MASK}: $a.x}}"),
    "a missing port": ("missing-value", "", "a: {type: mask_blur}", f"b: {{{MASK}: $a}}"),
    "a missing param": ("missing-value", "", "a: {type: mask_grow, mask: mask.png}", f"b: {{{MASK}: $a}}"),
    "a wrong choice": (
        "bad-value", "", "a: {type: mask_grow, mask: mask.png, pixels: 1, shape: x}", f"b: {{{MASK}: $a}}",
    ),
    "a wrong item": (
        "bad-value", "",
        "a: {type: mask_grow, mask: mask.png, for_each: {pixels: [1, x]}}", "b: {type: image_grid, images: $a}",
    ),
    "lists of two lengths": (
        "for-each-length", "",
        "a: {type: mask_grow, mask: mask.png, for_each: {pixels: [1, 2], shape: [disc]}}",
        "b: {type: image_grid, images: $a}",
    ),
    "a for_each of no shape": (
        "for-each-shape", "", "a: {type: mask_grow, mask: mask.png, for_each: 3}", "b: {type: image_grid, images: $a}",
    ),
    "an output as a param": (
        "param-needs-value", "",
        "a: {type: say, text: x}", "b: {type: say, text: x, title: $a}", "c: {type: say, text: $b}",
    ),
    "an output as a when": (
        "param-needs-value", "",
        "a: {type: say, text: x}", "b: {type: say, text: x, when: $a}", "c: {type: say, text: $b}",
    ),
    "a circle": ("cycle", "", f"a: {{{MASK}: $b}}", f"b: {{{MASK}: $a}}", f"c: {{{MASK}: $b}}"),
    "unequal sizes": (
        "size-mismatch", "",
        "a: {type: overlay, image: photo.png, mask: photos/1.png, generated: photo.png}", f"b: {{{MASK}: $a}}",
    ),
    "a node that refuses": (
        "node", "", "a: {type: resize, image: photo.png}", "b: {type: mask_combine, mask: $a, other: $a}",
    ),
    "an index outside the list": (
        "bad-index", "",
        "a: {type: mask_grow, mask: mask.png, for_each: {pixels: [1]}}",
        f"b: {{{MASK}: '$a[1]'}}", f"c: {{{MASK}: $b}}",
    ),
    "a missing template": ("template-missing", "", "a: {template: x.yaml, y: 1}", f"b: {{{MASK}: $a.z}}"),
    "a name used twice": (
        "name-taken", "a: {type: mask, default: mask.png}", f"a: {{{MASK}: mask.png}}", f"b: {{{MASK}: $a}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", ONE_FAULT)
def test_one_fault_is_one_problem_without_a_warning(fault: str, checked: Callable[..., Checked]) -> None:
    code, inputs, *nodes = ONE_FAULT[fault]
    found = checked("\n".join([f"inputs: {{{inputs}}}", "nodes:", *(f"  {node}" for node in nodes)])).problems
    assert [one.code for one in found] == [code]


def test_nodes_that_cannot_be_read_leave_inputs_without_a_warning(told: Told) -> None:
    assert told("inputs: {a: {type: int, default: 1}}\nnodes: [{type: mask_blur, mask: $a}]") == ["3:8 wrong-shape"]


def test_one_fault_of_a_for_each_is_one_problem(told: Told) -> None:
    text = "nodes: {a: {type: resize, image: photo.png, for_each: {multiple_of: [1, 1, 1]}}}"
    assert told(text) == ["2:9 node"]


def test_misspelt_reference_leaves_its_target_without_a_warning(told: Told) -> None:
    assert told("inputs: {mask: {type: mask, default: mask.png}}\nnodes: {a: {type: mask_blur, mask: $maks}}") == [
        "3:36 unknown-name"
    ]


TEMPLATE = """\
graphflow: 1
inputs:
  mask: {type: mask}
  blur: {type: float, default: 2, max: 9}
nodes:
  soft: {type: mask_blur, mask: $mask, blur_factor: $blur}
  odd: {type: mask_grow, mask: $soft, pixels: 1, shape: oval}
outputs:
  mask: $soft
  odd: $odd
"""


def test_mistake_in_a_template_shows_both_places(checked: Callable[..., Checked]) -> None:
    Path("t.yaml").write_text(TEMPLATE)
    problems = checked(
        "nodes:\n  a: {template: t.yaml, mask: mask.png}\n  b: {template: t.yaml, mask: mask.png}\n"
    ).problems
    (problem,) = [one for one in problems if one.level is Level.PROBLEM]
    assert str(problem).splitlines() == [
        "t.yaml:7:57: bad-value: odd.shape cannot be 'oval'",
        "  why: shape must be one of disc, square",
        "  fix: write disc or square",
        "  used: g.yaml:3:17 as a",
        "  used: g.yaml:4:17 as b",
    ]


def test_mistake_in_a_template_of_a_template_shows_every_place(checked: Callable[..., Checked]) -> None:
    Path("t.yaml").write_text(TEMPLATE)
    Path("outer.yaml").write_text(
        "graphflow: 1\ninputs: {m: {type: mask}}\nnodes:\n  in: {template: t.yaml, mask: $m}\noutputs: {m: $in}\n"
    )
    problems = checked("nodes:\n  a: {template: outer.yaml, m: mask.png}\n").problems
    (problem,) = [one for one in problems if one.level is Level.PROBLEM]
    assert [(str(place), path) for place, path in problem.used] == [("outer.yaml:4:18", "a/in"), ("g.yaml:3:17", "a")]


def test_value_that_a_templates_limits_refuse_is_told_where_it_is_written(told: Told) -> None:
    Path("t.yaml").write_text(TEMPLATE.replace("oval", "disc"))
    assert told("nodes:\n  a: {template: t.yaml, mask: mask.png, blur: 10}\n") == ["3:47 bad-value"]


@pytest.mark.parametrize("default", ["wide", "10", "[1]", ""])
def test_wrong_default_of_a_template_is_told_once(default: str, checked: Callable[..., Checked]) -> None:
    Path("t.yaml").write_text(TEMPLATE.replace("oval", "disc").replace("default: 2", f"default: {default}"))
    (problem,) = checked(
        "nodes:\n  a: {template: t.yaml, mask: mask.png}\n  b: {template: t.yaml, mask: mask.png}\n"
    ).problems
    assert (problem.place.file, problem.place.line) == ("t.yaml", 4)
    assert [path for _, path in problem.used] == ["a", "b"]


def test_missing_file_of_a_template_is_told_once_with_its_use(checked: Callable[..., Checked]) -> None:
    Path("t.yaml").write_text(
        "graphflow: 1\ninputs: {p: {type: image, default: x.png}}\n"
        "nodes: {a: {type: mask_blur, mask: $p}}\noutputs: {m: $a}\n"
    )
    (problem,) = checked("nodes:\n  a: {template: t.yaml}\n").problems
    assert (problem.code, str(problem.place)) == ("file-missing", "t.yaml:2:36")
    assert [(str(place), path) for place, path in problem.used] == [("g.yaml:3:17", "a")]


def test_unreadable_template_is_told_once_with_all_its_uses(checked: Callable[..., Checked]) -> None:
    Path("t.yaml").write_text("graphflow: 1\nnodes: {\n")
    (problem,) = checked("nodes:\n  a: {template: t.yaml}\n  b: {template: t.yaml, x: 1}\n").problems
    assert (problem.code, problem.place.file) == ("yaml-syntax", "t.yaml")
    assert [path for _, path in problem.used] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("inputs: {a: {type: int}}\nnodes: {}", []),
        ("inputs: {a: {type: int, default: 1}}\nnodes: {b: {type: say, text: x}}", ["2:10 unused-input"]),
        ("inputs: {a: {type: int, default: 1}}\nnodes: {b: {type: say, text: $$a}}", ["2:10 unused-input"]),
        ("inputs: {a: {type: int, default: 1}}\nnodes: {b: {type: say, text: '$a'}}", ["3:30 type-mismatch"]),
        ("inputs: {a: {type: int, default: 1}}\nnodes: {b: {type: say, text: 'n $a'}}", []),
        ("inputs: {a: {type: image, default: photo.png, max: 2}}\nnodes: {}\noutputs: {a: $a}", ["2:52 no-effect"]),
        ("nodes: {a: {type: say, text: x}}", []),
        ("nodes: {a: {type: say, text: x}, b: {type: say, text: y}}\noutputs: {b: $b}", ["2:9 unread-node"]),
        ("nodes: {a: {type: say, text: x}, b: {type: say, text: $a}}\noutputs: {b: $b}", []),
        ("checkpoints: {c: {source: a/b}}\nnodes: {}", ["2:15 unused-checkpoint"]),
        (
            "inputs: {a: {type: checkpoint, default: c}}\ncheckpoints: {c: {source: a/b}}\nnodes: {}\noutputs: {a: $a}",
            [],
        ),
        ("nodes: {a: {type: harden, mask: mask.png}}", ["2:33 node-hint"]),
    ],
)
def test_warnings_and_hints(text: str, problems: list[str], checked: Callable[..., Checked]) -> None:
    found = checked(text, **({"a": 1} if "{a: {type: int}}" in text else {}))
    shown = [f"{one.place.line}:{one.place.column} {one.code}" for one in found.problems]
    assert shown == problems
    assert found.ok is (not any("mismatch" in one for one in problems))


def test_problems_are_ordered_by_place(told: Told) -> None:
    found = told("nodes:\n  b: {type: mask_blur, mask: $x, blur_factor: -1}\n  a: {type: nothing}\n")
    assert found == ["3:30 unknown-name", "3:47 bad-value", "4:13 unknown-type"]


@pytest.mark.parametrize("name", ["t.yaml", "./t.yaml", "../{folder}/t.yaml"])
def test_template_is_found_from_where_it_is_named(name: str, folder: Path, told: Told) -> None:
    (folder / "t.yaml").write_text(TEMPLATE.replace("oval", "disc"))
    assert told(f"nodes:\n  a: {{template: {name.format(folder=folder.name)}, mask: mask.png}}\n") == []


def test_document_is_checked_although_a_part_of_it_cannot_be_read(folder: Path) -> None:
    (folder / "g.yaml").write_text("graphflow: 2\nname: [a]\nnodes: {a: {type: x}}\nextra: 1\n")
    document, problems = read_file(folder / "g.yaml")
    assert document is not None
    assert [one.code for one in problems] == ["unknown-key", "version-unknown", "wrong-shape"]
