"""Facts that check cannot know are verified when the values are there, in the same words."""

import pytest

import graphflow as gf
from tests.plan.toys import CATALOG, graph

TEXT = """
    nodes:
      a:
        type: PAINT
        width: 4
      b:
        type: paint
        width: 6
      c:
        type: blend
        image: $a
        other: $b
"""


def told_by_check(text: str, catalog=CATALOG) -> gf.Problem:
    (found,) = graph(text, catalog=catalog).check().problems
    return found


def told_by_run(text: str, catalog=CATALOG, engine: gf.Engine | None = None) -> gf.Problem:
    assert graph(text, catalog=catalog).check().problems == ()
    with pytest.raises(gf.RunFailed) as caught:
        (engine or gf.Engine()).run(graph(text, catalog=catalog))
    (error,) = caught.value.result.failed.values()
    return error.problem


def test_sizes_that_check_knows_are_refused_by_it():
    assert told_by_check(TEXT.replace("PAINT", "paint")).code == "size-mismatch"


def test_a_size_that_no_plan_function_tells_is_refused_by_the_run_in_the_same_words():
    assert told_by_run(TEXT.replace("PAINT", "paint_unsaid")) == told_by_check(TEXT.replace("PAINT", "paint"))


def test_equal_sizes_that_check_cannot_know_are_accepted():
    text = TEXT.replace("PAINT", "paint_unsaid").replace("width: 6", "width: 4")
    assert gf.run(graph(text)).executed == ["a", "b", "c"]


def test_an_unknown_size_is_unknown_through_nodes_that_keep_it():
    text = TEXT.replace("PAINT", "paint_unsaid").replace("$a", "$d") + "      d: {type: invert, image: $a}\n"
    found = told_by_run(text)
    assert (found.code, found.why) == ("size-mismatch", "other is 6×2, image is 4×2")


def _even(facts, params, checkpoints, wanted):
    width = facts["image"].width
    problems = ()
    if width is not None and width % 2:
        fault = gf.Fault("the width is odd", why=f"it is {width}", fix="use a crop", about="image")
        problems = (fault,)
    return gf.Planned(problems=problems)


@gf.node(plan=_even)
def halve(image: gf.Image) -> int:
    return image.width // 2


def test_a_plan_functions_problem_comes_with_the_value():
    catalog = CATALOG.extended(halve)
    text = "nodes: {a: {type: KIND, width: 5}, b: {type: halve, image: $a}}"
    early = told_by_check(text.replace("KIND", "paint"), catalog)
    late = told_by_run(text.replace("KIND", "paint_unsaid"), catalog)
    assert (early.code, early.message, early.why, early.fix) == (late.code, late.message, late.why, late.fix)


def test_a_list_of_unknown_length_is_indexed_in_the_same_words():
    known = "nodes: {m: {type: number, for_each: {value: [1, 2]}}, n: {type: add, a: '$m[4]'}}"
    unknown = "nodes: {m: {type: count_to, last: 2}, n: {type: add, a: '$m[4]'}}"
    early, late = told_by_check(known), told_by_run(unknown)
    assert (early.code, early.why, early.fix) == (late.code, late.why, late.fix)
    assert (early.message, late.message) == ("$m.int[4] is outside the list", "$m.ints[4] is outside the list")


def test_an_output_outside_a_list_of_unknown_length_fails_the_run():
    found = told_by_run("nodes: {m: {type: count_to, last: 2}}\noutputs: {o: '$m[4]', all: $m}")
    assert (found.code, found.place.line) == ("bad-index", 3)
