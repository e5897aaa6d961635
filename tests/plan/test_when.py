"""when and switch, and what absent values do. A test for each sentence of the format's description."""

import pytest

import graphflow as gf
from tests.plan.toys import CATALOG, codes, graph, paths, run

SKIPPED = "inputs: {on: {type: bool, default: false}}\nnodes:\n  off: {type: number, when: $on}\n"


def absent(nodes: str, **options):
    """Run nodes beside `off`, which is skipped."""
    return run(SKIPPED + "".join(f"  {line.strip()}\n" for line in nodes.strip().splitlines()), **options)


@pytest.mark.parametrize(("value", "runs"), [("true", True), ("false", False)])
def test_when_decides_whether_a_node_runs(value, runs):
    assert paths(f"nodes: {{n: {{type: number, when: {value}}}}}") == (["n"] if runs else [])


def test_when_takes_an_input():
    text = "inputs: {on: {type: bool}}\nnodes: {n: {type: number, when: $on}}"
    assert run(text, inputs={"on": True}).executed == ["n"]
    assert run(text, inputs={"on": False}).skipped == {"n": "when is false"}


def test_when_is_a_param():
    assert codes("nodes: {a: {type: broken}, n: {type: number, when: $a}}") == ["param-needs-value"]


def test_when_is_a_bool_and_nothing_else():
    assert codes("nodes: {n: {type: number, when: 1}}") == ["bad-value"]
    assert codes("nodes: {n: {type: number, when: [true]}}") == ["list-to-single"]
    assert codes("inputs: {i: {type: int, default: 1}}\nnodes: {n: {type: number, when: $i}}") == ["type-mismatch"]


def test_a_list_port_drops_what_is_absent():
    assert absent("a: {type: number, value: 5}\nsum: {type: total, values: [$a, $off, 2]}")["sum"] == 7


def test_a_list_port_that_is_given_only_what_is_absent_gets_an_empty_list():
    assert absent("sum: {type: total, values: $off}")["sum"] == 0
    assert absent("sum: {type: total, values: [$off]}")["sum"] == 0


def test_an_optional_port_counts_as_not_given():
    assert absent("a: {type: add, a: 1, b: $off}")["a"] == 1


def test_a_required_port_makes_the_node_absent_too():
    result = absent("a: {type: add, a: $off}\nb: {type: add, a: $a}\nc: {type: add, a: 1, b: $b}")
    assert result.executed == ["c"]
    assert result.skipped == {
        "off": "when is false",
        "a": "a is absent: off: when is false",
        "b": "a is absent: a does not run",
    }


def test_text_with_something_absent_in_it_is_absent():
    result = absent("a: {type: say, text: number $off}\nall: {type: join, words: [one, $a, two]}")
    assert result["all"] == "one | two"
    assert "a" in result.skipped


def test_an_absent_graph_output_is_left_out_and_named():
    result = absent("a: {type: add, a: $off}\nb: {type: number}")
    assert result.outputs == {"b": 1}
    assert result.absent == {"a": "a does not run"}
    assert result.state == "done"


def test_a_graph_whose_every_output_is_absent_is_done():
    result = run("nodes: {n: {type: number, when: false}}")
    assert (result.outputs, result.absent, result.state) == ({}, {"n": "n: when is false"}, "done")


def test_a_template_input_with_a_default_counts_as_not_given(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "graphflow: 1\ninputs: {a: {type: int, default: 40}, b: {type: int}}\n"
        "nodes: {n: {type: add, a: $a, plus: 2}, m: {type: add, a: $b}}\noutputs: {n: $n, m: $m}\n"
    )
    text = SKIPPED + "  p: {template: t.yaml, a: $off, b: $off}\noutputs: {n: $p.n, m: $p.m}"
    result = run(text, tmp_path)
    assert result.outputs == {"n": 42}
    assert result.absent == {"m": "p/m does not run"}


def test_a_skipped_for_each_has_absent_outputs():
    result = run("""
        nodes:
          off: {type: number, when: false, for_each: {value: [1, 2]}}
          sum: {type: total, values: [$off, 4]}
          labels: {type: join, words: $off.labels}
          each: {type: add, for_each: {a: $off}}
          one: {type: add, a: '$off[1]'}
        outputs: {sum: $sum, labels: $labels, each: $each, one: $one}
    """)
    assert result.outputs == {"sum": 4, "labels": "", "each": ()}
    assert list(result.absent) == ["one"]


OPTIONAL_ITEM = """graphflow: 1
inputs: {on: {type: bool}, shade: {type: int}}
nodes: {n: {type: paint, shade: $shade, when: $on}}
outputs: {image: $n}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "t.yaml").write_text(OPTIONAL_ITEM)
    return tmp_path


EACH = "p: {template: t.yaml, for_each: {on: [true, false, true], shade: [7, 8, 9]}}"


def test_an_absent_item_is_dropped_from_a_list_with_its_label(folder):
    result = run(f"nodes: {{{EACH}, s: {{type: sheet, images: $p, captions: $p.labels}}}}", folder)
    assert result["s"] == "7:on true, shade 7 9:on true, shade 9"


def test_an_absent_item_makes_that_item_of_the_next_for_each_absent(folder):
    result = run(f"nodes: {{{EACH}, s: {{type: shade_of, for_each: {{image: $p}}}}}}", folder)
    assert result["s"] == (7, 9)
    assert [step for step in result.executed if step.startswith("s[")] == ["s[0]", "s[2]"]
    assert "s[1]" in result.skipped


def test_an_absent_item_is_left_out_of_a_graph_output(folder):
    result = run(f"nodes: {{{EACH}}}\noutputs: {{all: $p, labels: $p.labels}}", folder)
    assert [image.array[0, 0, 0] for image in result["all"]] == [7, 9]
    assert result["labels"] == ("on true, shade 7", "on true, shade 9")


def test_an_absent_label_counts_as_not_given_where_the_param_has_a_default(folder):
    text = f"""
        nodes:
          {EACH}
          m: {{type: scale, value: 1, for_each: {{name: $p.labels}}}}
          one: {{type: scale, value: 1, name: '$p.labels[1]'}}
        outputs: {{m: $m, one: $one}}
    """
    assert run(text, folder).outputs == {"m": (1.0, 1.0, 1.0), "one": 1.0}


def test_an_absent_label_makes_a_node_absent_that_needs_it(folder):
    @gf.node()
    def title(*, text: str) -> str:
        return text

    text = f"""
        nodes:
          {EACH}
          m: {{type: title, for_each: {{text: $p.labels}}}}
          one: {{type: title, text: 'a $p.labels[1]'}}
        outputs: {{m: $m, one: $one}}
    """
    result = gf.run(graph(text, folder, CATALOG.extended(title)))
    assert result.outputs == {"m": ("on true, shade 7", "on true, shade 9")}
    assert result.absent == {"one": "one does not run"}


# switch

SWITCH = """
    inputs: {on: {type: bool, default: true}}
    nodes:
      yes: {type: number, value: 1}
      no: {type: broken}
      both: {type: number, value: 3}
      no_too: {type: add, a: $no, b: $both}
      s: {type: switch, condition: $on, if_true: $yes, if_false: $no_too}
      end: {type: add, a: $s, b: $both}
    outputs: {end: $end}
"""


def test_switch_gives_the_value_of_the_chosen_side():
    text = "nodes: {s: {type: switch, condition: %s, if_true: 1, if_false: 2}}"
    assert run("nodes: {a: {type: number}, " + text[8:].replace("if_true: 1", "if_true: $a") % "true")["s"] == 1
    assert run(SWITCH)["end"] == 4


def test_what_only_feeds_the_other_side_does_not_run():
    assert run(SWITCH).executed == ["yes", "both", "end"]
    assert paths(SWITCH, inputs={"on": False}) == ["no", "both", "no_too", "end"]


def test_a_switch_is_no_step_of_the_plan():
    assert "s" not in paths(SWITCH)


def test_condition_is_a_param():
    text = "nodes: {a: {type: number}, s: {type: switch, condition: $a, if_true: $a, if_false: $a}}"
    assert codes(text) == ["param-needs-value"]


def test_the_output_of_a_switch_has_the_type_of_its_sides():
    text = "nodes: {a: {type: paint}, s: {type: switch, condition: true, if_true: $a, if_false: $a}, %s}"
    assert codes(text % "t: {type: shade_of, image: $s.value}") == []
    assert codes(text % "t: {type: say, text: $s}") == ["type-mismatch"]


def test_sides_of_different_types_are_a_problem():
    text = "nodes: {a: {type: paint}, b: {type: number}, s: {type: switch, condition: true, if_true: $a, if_false: $b}}"
    assert codes(text) == ["type-mismatch"]


@pytest.mark.parametrize(("on", "value"), [("true", 5), ("false", None)])
def test_a_side_that_is_not_given_is_absent(on, value):
    result = run(f"nodes: {{a: {{type: number, value: 5}}, s: {{type: switch, condition: {on}, if_true: $a}}}}")
    assert result.outputs.get("s") == value
    assert ("s" in result.absent) == (value is None)


def test_an_absent_side_that_is_chosen_is_absent_and_the_other_is_not():
    nodes = "a: {type: number, value: 5}\ns: {type: switch, condition: %s, if_true: $a, if_false: $off}"
    assert absent(nodes % "true")["s"] == 5
    assert absent(nodes % "false").absent == {"s": "off: when is false"}


def test_a_problem_on_the_side_that_is_not_chosen_is_told():
    text = "nodes: {a: {type: number}, s: {type: switch, condition: true, if_true: $a, if_false: $b}}"
    assert codes(text) == ["unknown-name"]


def test_a_switch_passes_lists_and_items_on():
    text = """
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: number, for_each: {value: [3]}}
          s: {type: switch, condition: %s, if_true: $n, if_false: $m}
          sum: {type: total, values: $s}
          each: {type: add, for_each: {a: $s}}
        outputs: {sum: $sum, each: $each}
    """
    assert run(text % "true").outputs == {"sum": 3, "each": (1, 2)}
    assert run(text % "false").outputs == {"sum": 3, "each": (3,)}


def test_a_switch_of_pictures_reads_only_the_chosen_file(tmp_path):
    from graphflow import Image

    for shade in (3, 4):
        Image(bytes([shade] * 12), 2, 2).save(tmp_path / f"{shade}.png")
    text = """
        inputs: {three: {type: image, default: 3.png}, four: {type: image, default: 4.png}}
        nodes:
          s: {type: switch, condition: false, if_true: $three, if_false: $four}
          t: {type: shade_of, image: $s}
    """
    result = run(text, tmp_path)
    assert result["t"] == 4
    assert result.executed == ["image:4.png", "t"]
    assert graph(text, tmp_path).check().problems == ()
