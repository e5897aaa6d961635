import pytest

from graphflow.catalog.catalog import default_catalog
from graphflow.check.check import check
from graphflow.document.parse import parse
from graphflow.plan.plan import plan
from graphflow_nodes.flow.switch import switch

GRAPH = """
graphflow: 1
inputs: {yes: {type: bool, default: true}}
nodes:
  left: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 8, height: 4}
  right: {type: mask_shape, shape: rectangle, box: [0, 0, 1, 1], width: 8, height: 4}
  chosen: {type: switch, condition: $yes, if_true: $left, if_false: $right}
  shown: {type: mask_invert, mask: $chosen}
outputs: {mask: $shown}
"""


def test_switch_passes_on_the_chosen_side():
    assert switch("yes", "no", condition=True) == "yes"
    assert switch("yes", "no", condition=False) == "no"


@pytest.mark.parametrize(("yes", "runs"), [(True, "left"), (False, "right")])
def test_what_only_feeds_the_other_side_does_not_run(yes, runs):
    document, problems = parse(GRAPH)
    made = plan(check(document, default_catalog(), inputs={"yes": yes}, problems=problems))
    assert [step.path for step in made.steps] == [runs, "shown"]


def test_a_chosen_side_that_is_not_given_makes_the_value_absent():
    document, problems = parse(GRAPH.replace(", if_false: $right", ""))
    made = plan(check(document, default_catalog(), inputs={"yes": False}, problems=problems))
    assert "mask" in made.absent


def test_a_switch_without_sides_is_refused():
    document, problems = parse(GRAPH.replace(", if_true: $left, if_false: $right", ""))
    found = check(document, default_catalog(), problems=problems).problems
    assert ("missing-value", "chosen needs if_true or if_false") in [(p.code, p.message) for p in found]
