"""Templates: graphs used as nodes of other graphs. A test for each sentence of the format's description."""

import pytest

import graphflow as gf
from graphflow.document.parse import parse
from tests.plan.toys import CATALOG, codes, graph, paths, run

POLISH = """graphflow: 1
inputs:
  value: {type: int}
  plus: {type: int, default: 10, min: 0}
nodes:
  refine: {type: add, a: $value, plus: $plus}
  twice: {type: add, a: $refine, b: $refine}
outputs: {result: $twice, once: $refine}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "polish.yaml").write_text(POLISH)
    return tmp_path


def problem(text, folder):
    (found,) = graph(text, folder).check().problems
    return found


def test_a_template_inserts_another_graph_whose_inputs_are_the_nodes_keys(folder):
    result = run("nodes: {p: {template: polish.yaml, value: 1, plus: 2}}\noutputs: {r: $p.result}", folder)
    assert result["r"] == 6


def test_its_outputs_are_the_nodes_outputs_the_first_is_the_default(folder):
    result = run("nodes: {p: {template: polish.yaml, value: 1}}\noutputs: {r: $p, once: $p.once}", folder)
    assert result.outputs == {"r": 22, "once": 11}


def test_a_key_that_is_not_given_takes_the_inputs_default(folder):
    assert run("nodes: {p: {template: polish.yaml, value: 1}}", folder)["p"] == 22


def test_an_input_without_default_must_be_given(folder):
    found = problem("nodes: {p: {template: polish.yaml}}", folder)
    assert (found.code, found.message) == ("missing-value", "p needs value")


def test_a_key_that_is_no_input_is_a_problem_with_the_nearest_name(folder):
    found = problem("nodes: {p: {template: polish.yaml, value: 1, plas: 2}}", folder)
    assert (found.code, found.fix) == ("unknown-key", "did you mean plus?")


def test_an_input_of_the_wrong_type_is_a_problem(folder):
    assert codes("nodes: {p: {template: polish.yaml, value: many}}", folder) == ["bad-value"]


def test_limits_of_a_templates_input_hold_where_it_is_used(folder):
    found = problem("nodes: {p: {template: polish.yaml, value: 1, plus: -1}}", folder)
    assert (found.code, found.fix) == ("bad-value", "give at least 0")
    assert found.place.line


def test_a_template_must_have_outputs(folder):
    (folder / "bare.yaml").write_text("graphflow: 1\nnodes: {n: {type: number}}\n")
    found = problem("nodes: {p: {template: bare.yaml}}", folder)
    assert (found.code, found.message) == ("template-outputs", "bare.yaml has no outputs")


def test_in_the_plan_it_is_flat(folder):
    assert paths(f"nodes: {{polish: {{template: {folder}/polish.yaml, value: 1}}}}") == [
        "polish/refine",
        "polish/twice",
    ]  # fmt: skip


def test_templates_inside_templates_have_longer_paths(folder):
    (folder / "outer.yaml").write_text(
        "graphflow: 1\ninputs: {v: {type: int}}\nnodes: {inner: {template: polish.yaml, value: $v}}\n"
        "outputs: {r: $inner.once}\n"
    )
    assert paths(f"nodes: {{outer: {{template: {folder}/outer.yaml, v: 1}}}}") == ["outer/inner/refine"]


def test_a_reference_inside_resolves_in_the_template(folder):
    # The graph has nodes of the same names as the template's nodes and inputs.
    result = run(
        """
        inputs: {plus: {type: int, default: 1000}}
        nodes:
          refine: {type: number, value: 7}
          p: {template: polish.yaml, value: $refine}
          user: {type: add, a: $refine, plus: $plus}
        outputs: {p: $p.once, user: $user}
        """,
        folder,
    )
    assert result.outputs == {"p": 17, "user": 1007}


def test_a_template_does_not_see_the_names_around_it(folder):
    (folder / "leak.yaml").write_text("graphflow: 1\nnodes: {n: {type: add, a: $around}}\noutputs: {r: $n}\n")
    text = "nodes: {around: {type: number}, p: {template: leak.yaml}, q: {type: add, a: $around}}"
    found = problem(text, folder)
    assert (found.code, found.message) == ("unknown-name", "$around names no input and no node")


def test_the_graph_does_not_see_the_names_inside(folder):
    text = "nodes: {p: {template: polish.yaml, value: 1}, q: {type: add, a: $p.refine}}"
    assert codes(text, folder) == ["unknown-output"]


def test_files_are_found_from_where_they_are_written(folder):
    (folder / "inner").mkdir()
    gf.Image(bytes([9] * 12), 2, 2).save(folder / "inner/own.png")
    gf.Image(bytes([5] * 12), 2, 2).save(folder / "own.png")
    (folder / "inner/t.yaml").write_text(
        "graphflow: 1\ninputs:\n  image: {type: image, default: own.png}\n  other: {type: image}\n"
        "nodes:\n  a: {type: shade_of, image: $image}\n  b: {type: shade_of, image: $other}\n"
        "  c: {type: shade_of, image: own.png}\noutputs: {a: $a, b: $b, c: $c}\n"
    )
    text = "nodes: {p: {template: inner/t.yaml, other: own.png}}\noutputs: {a: $p.a, b: $p.b, c: $p.c}"
    assert run(text, folder).outputs == {"a": 9, "b": 5, "c": 9}


def test_for_each_holds_for_all_inside(folder):
    text = "nodes: {p: {template: polish.yaml, for_each: {value: [1, 2]}}}\noutputs: {r: $p.once, l: $p.labels}"
    result = run(text, folder)
    assert result.outputs == {"r": (11, 12), "l": ("value 1", "value 2")}
    assert result.executed == ["p[0]/refine", "p[1]/refine"]


def test_when_holds_for_all_inside(folder):
    text = "nodes: {p: {template: polish.yaml, value: 1, when: false}}\noutputs: {r: $p}"
    result = run(text, folder)
    assert not result.executed
    assert result.absent["r"] == "p: when is false"


def test_cache_holds_for_all_inside(folder):
    steps = graph("nodes: {p: {template: polish.yaml, value: 1, cache: false}}", folder).plan().steps
    assert [step.cache for step in steps] == [False, False]


def test_a_problem_shows_the_place_inside_and_where_it_was_used(folder):
    (folder / "wrong.yaml").write_text("graphflow: 1\nnodes:\n  n: {type: add, a: 1, pluss: 2}\noutputs: {r: $n}\n")
    (folder / "outer.yaml").write_text("graphflow: 1\nnodes:\n  in: {template: wrong.yaml}\noutputs: {r: $in}\n")
    found = problem("nodes:\n  p: {template: outer.yaml}\n", folder)
    assert found.code == "unknown-key"
    assert (found.place.file.rpartition("/")[2], found.place.line) == ("wrong.yaml", 3)
    place, _ = found.used[0]
    assert (place.file.rpartition("/")[2], place.line) == ("outer.yaml", 3)
    assert "used: " in str(found)


def test_a_problem_of_one_use_shows_that_use_and_its_path(folder):
    (folder / "picks.yaml").write_text(
        "graphflow: 1\ninputs: {v: {type: list of int}}\nnodes:\n  n: {type: add, a: '$v[1]'}\noutputs: {r: $n}\n"
    )
    found = problem(
        "nodes:\n  good: {template: picks.yaml, v: [1, 2]}\n  bad: {template: picks.yaml, v: [1]}\n", folder
    )
    assert (found.code, found.place.line) == ("bad-index", 4)
    ((place, path),) = found.used
    assert (place.file, place.line, path) == ("graph.yaml", 4, "bad")


def test_a_failure_inside_names_the_path_and_the_use(folder):
    (folder / "fails.yaml").write_text("graphflow: 1\nnodes: {n: {type: broken}}\noutputs: {r: $n}\n")
    with pytest.raises(gf.RunFailed) as caught:
        run("nodes: {p: {template: fails.yaml}}", folder)
    (error,) = caught.value.result.failed.values()
    assert error.step == "p/n"
    assert [path for _, path in error.problem.used] == ["p"]


def test_an_input_used_as_a_param_needs_a_value_that_is_known(folder):
    text = "nodes: {n: {type: number}, p: {template: polish.yaml, value: 1, plus: $n}}"
    found = problem(text, folder)
    assert (found.code, found.message) == ("param-needs-value", "p.plus cannot take $n.int")
    assert "polish.yaml passes it to a param" in found.why


def test_an_input_used_as_a_port_takes_a_nodes_output(folder):
    assert run("nodes: {n: {type: number}, p: {template: polish.yaml, value: $n}}", folder)["p"] == 22


def test_an_input_that_reaches_a_param_through_two_templates_must_be_known(folder):
    (folder / "outer.yaml").write_text(
        "graphflow: 1\ninputs: {x: {type: int}}\nnodes: {in: {template: polish.yaml, value: 1, plus: $x}}\n"
        "outputs: {r: $in}\n"
    )
    assert codes("nodes: {n: {type: number}, p: {template: outer.yaml, x: $n}}", folder) == ["param-needs-value"]


@pytest.mark.parametrize("key", ["when: $flag", "cache: $flag", "for_each: {value: $flags}"])
def test_inputs_that_decide_what_is_inside_must_be_known(folder, key):
    (folder / "shape.yaml").write_text(
        "graphflow: 1\ninputs: {flag: {type: bool}, flags: {type: list of bool}}\n"
        f"nodes: {{n: {{type: flagged, {key}}}, other: {{type: say, text: a}}}}\noutputs: {{r: $n, o: $other}}\n"
    )

    @gf.node()
    def flagged(*, value: bool = True) -> bool:
        return value

    text = "nodes: {n: {type: flagged}, p: {template: shape.yaml, flag: $n, flags: [$n]}}"
    checked = graph(text, folder, CATALOG.extended(flagged)).check()
    assert [found.code for found in checked.problems if found.level is gf.Level.PROBLEM] == ["param-needs-value"]


def test_a_template_that_uses_itself_is_a_problem(folder):
    (folder / "a.yaml").write_text("graphflow: 1\nnodes: {n: {template: b.yaml}}\noutputs: {r: $n}\n")
    (folder / "b.yaml").write_text("graphflow: 1\nnodes: {n: {template: a.yaml}}\noutputs: {r: $n}\n")
    assert "template-cycle" in codes("nodes: {p: {template: a.yaml}}", folder)


def test_a_template_that_is_not_there_is_a_problem_with_the_nearest_file(folder):
    found = problem("nodes: {p: {template: ./polich.yaml, value: 1}}", folder)
    assert (found.code, found.fix) == ("template-missing", "did you mean polish.yaml?")


def test_a_template_is_no_node_type_and_a_node_type_no_template(folder):
    assert codes("nodes: {p: {type: shading, value: 1}}", folder) == ["unknown-type"]
    assert codes("nodes: {p: {template: add, a: 1}}", folder) == ["template-missing"]


@pytest.mark.parametrize("key", ["type", "template", "for_each", "when", "cache"])
def test_reserved_keys_cannot_be_input_names(tmp_path, key):
    from graphflow.document.parse import parse

    _, problems = parse(f"graphflow: 1\ninputs: {{{key}: {{type: int}}}}\nnodes: {{}}\n")
    assert [found.code for found in problems] == ["bad-name"]


@pytest.mark.parametrize("key", ["type", "template", "for_each", "when", "cache"])
def test_reserved_keys_cannot_be_input_names_in_python(key):
    with pytest.raises(gf.InvalidGraph, match="is not a valid name for an input"):
        gf.Graph(catalog=CATALOG).input(key, "int")


def test_equal_uses_of_a_template_are_merged(folder):
    plan = graph("nodes: {p: {template: polish.yaml, value: 1}, q: {template: polish.yaml, value: 1}}", folder).plan()
    assert [(step.path, step.also) for step in plan.steps] == [("p/refine", ("q/refine",)), ("p/twice", ("q/twice",))]


def test_what_a_template_makes_and_nobody_reads_is_not_planned(folder):
    text = "nodes: {p: {template: polish.yaml, value: 1}}\noutputs: {r: $p.once}"
    assert [step.path for step in graph(text, folder).plan().steps] == ["p/refine"]


INSIDE = """
templates:
  polish:
    inputs:
      value: {type: int}
    nodes:
      refine: {type: add, a: $value, plus: 10}
    outputs: {result: $refine}
"""


def test_a_template_can_be_written_inside_the_document():
    result = run(INSIDE + "nodes: {refine: {type: number}, p: {template: polish, value: $refine}}")
    assert result["p"] == 11
    assert result.executed == ["refine", "p/refine"]


def test_a_template_inside_comes_before_one_of_the_library():
    assert run(INSIDE.replace("polish:", "compare:") + "nodes: {p: {template: compare, value: 1}}")["p"] == 11


def test_files_of_a_template_inside_are_found_from_the_document(folder):
    text = INSIDE.replace("outputs:", "  again: {template: polish.yaml, value: $refine}\n    outputs:")
    text = text.replace("result: $refine", "result: $again.once")
    assert run(text + "nodes: {p: {template: polish, value: 1}}", folder)["p"] == 21


def test_a_template_inside_does_not_see_the_templates_around_it():
    text = """
        templates:
          inner: {nodes: {n: {type: number}}, outputs: {r: $n}}
          outer: {nodes: {in: {template: inner}}, outputs: {r: $in}}
        nodes: {p: {template: outer}}
    """
    assert codes(text) == ["template-missing"]


def test_templates_inside_can_have_templates_of_their_own():
    text = """
        templates:
          outer:
            templates: {inner: {nodes: {n: {type: number, value: 4}}, outputs: {r: $n}}}
            nodes: {in: {template: inner}}
            outputs: {r: $in}
        nodes: {p: {template: outer}}
    """
    assert paths(text) == ["p/in/n"]


def test_a_fault_of_a_template_inside_is_at_its_place():
    (found,) = graph(INSIDE.replace("plus", "pluss") + "nodes: {p: {template: polish, value: 1}}").check().problems
    assert (found.code, found.place.line, found.used[0][1]) == ("unknown-key", 8, "p")


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("p: 3", "wrong-shape"),
        ("p: {nodes: {}, outputs: {}, graphflow: 1}", "unknown-key"),
        ("p: {outputs: {}}", "missing-key"),
        ("P: {nodes: {}, outputs: {}}", "bad-name"),
    ],
)
def test_a_template_inside_has_the_shape_of_a_document(template, code):
    _, problems = parse(f"graphflow: 1\ntemplates: {{{template}}}\nnodes: {{}}\n")
    assert [problem.code for problem in problems] == [code]
