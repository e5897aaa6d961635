"""What nobody needs is not in the plan."""

import pytest

import graphflow as gf
from tests.plan.toys import graph, paths, run


def test_a_node_that_no_output_needs_is_dropped():
    assert paths("""
        nodes:
          a: {type: number}
          dead: {type: add, a: $a}
          dead_too: {type: add, a: $dead}
          b: {type: add, a: $a, plus: 2}
        outputs: {b: $b}
    """) == ["a", "b"]  # fmt: skip


def test_without_outputs_every_node_that_nobody_reads_gives_one():
    result = run("""
        nodes:
          a: {type: number, value: 12}
          parts: {type: digits, value: $a}
          b: {type: add, a: $a}
    """)
    assert result.outputs == {"parts": 1, "b": 12}


def test_a_step_that_makes_what_nobody_reads_is_avoided():
    plan = graph("""
        nodes:
          first: {type: sketch, prompt: a star}
          second: {type: polish, raw: $first.raw, prompt: a star}
        outputs: {raw: $second.raw}
    """).plan()
    assert [step.path for step in plan.steps] == ["first/encode", "first/work", "second/work"]
    assert plan.avoided == ("first/show", "second/show")


def test_nothing_is_avoided_where_every_output_is_read():
    assert graph("""
        nodes: {first: {type: sketch, prompt: a star}}
        outputs: {image: $first, raw: $first.raw}
    """).plan().avoided == ()  # fmt: skip


def test_a_step_says_which_outputs_are_read():
    plan = graph("""
        nodes:
          parts: {type: digits, value: 12}
        outputs: {ones: $parts.ones}
    """).plan()
    assert plan.steps[0].wanted == {"ones"}


TWO = """
    nodes:
      a: {type: number}
      b: {type: add, a: $a}
      c: {type: add, a: $a, plus: 1}
    outputs: {b: $b, c: $c}
"""


def test_only_makes_one_output_and_what_it_needs():
    assert paths(TWO, only=["c"]) == ["a", "c"]
    assert list(graph(TWO).plan(only=["c"]).outputs) == ["c"]


def test_only_avoids_steps_of_a_stage_too():
    stage = "nodes: {s: {type: sketch, prompt: x}}\noutputs: {image: $s, raw: $s.raw}"
    assert paths(stage, only=["raw"]) == ["s/encode", "s/work"]


def test_only_refuses_an_output_that_the_graph_has_not():
    with pytest.raises(gf.InvalidGraph, match="the graph has no output d"):
        graph(TWO).plan(only=["d"])
