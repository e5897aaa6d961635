from graphflow.facts import Facts
from graphflow_nodes.flow.switch import switch


def test_switch_passes_on_the_chosen_side():
    assert switch("yes", "no", condition=True) == "yes"
    assert switch("yes", "no", condition=False) == "no"


def test_plan_forwards_the_chosen_port_and_its_facts(planned):
    sides = {"if_true": Facts(8, 4), "if_false": Facts(2, 2)}
    answer = planned(switch, **sides, condition=True)
    assert (answer.forward, answer.outputs) == ({"value": "if_true"}, {"value": Facts(8, 4)})
    answer = planned(switch, **sides, condition=False)
    assert (answer.forward, answer.outputs) == ({"value": "if_false"}, {"value": Facts(2, 2)})


def test_plan_accepts_that_the_chosen_side_is_not_given(planned):
    answer = planned(switch, if_true=Facts(8, 4), condition=False)
    assert not answer.problems
    assert answer.forward == {"value": "if_false"}


def test_plan_refuses_a_switch_without_sides(refused):
    assert "neither if_true nor if_false" in refused(switch, condition=True)
