"""Steps that may be computed together are grouped; groups never wait for each other, and run as one place."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow.catalog.signature import step_function
from graphflow.plan import batch_size
from tests.plan.batch_toys import grouped, planned

ITEMS = "nodes: {a: {type: trebled, for_each: {value: [1, 2, 3, 4, 5]}}}"


def test_items_are_grouped_up_to_the_size_of_the_option():
    assert grouped(ITEMS, 2) == ["a[0] a[1]", "a[2] a[3]"]
    assert grouped(ITEMS, 8) == ["a[0] a[1] a[2] a[3] a[4]"]


def test_nothing_is_grouped_by_default():
    assert grouped(ITEMS, 1) == []


def test_steps_with_another_key_or_component_are_apart():
    text = """
        nodes:
          a: {type: trebled, value: 1}
          b: {type: trebled, value: 2, model: b}
          c: {type: trebled, value: 3}
          d: {type: trebled, value: 4, bad: 9}
          e: {type: trebled, value: 5, model: b}
    """
    assert grouped(text) == ["a c", "b e"]


def test_steps_that_are_equal_are_merged_and_not_grouped():
    assert grouped("nodes: {a: {type: trebled, value: 1}, b: {type: trebled, value: 1}}") == []


def test_a_step_is_never_grouped_with_one_that_it_needs():
    text = """
        nodes:
          a: {type: trebled, for_each: {value: [1, 2]}}
          b: {type: trebled, for_each: {value: $a}}
    """
    assert grouped(text) == ["a[0] a[1]", "b[0] b[1]"]


def test_groups_never_wait_for_each_other():
    text = """
        nodes:
          a: {type: trebled, value: 1}
          b: {type: trebled, value: $a, model: b}
          c: {type: trebled, value: 2, model: b}
          d: {type: trebled, value: $c}
    """
    assert grouped(text) == []
    assert len(planned(text).steps) == 4


def test_a_group_runs_when_all_its_inputs_are_ready_and_loads_nothing_twice():
    text = """
        nodes:
          use: {type: use, model: b, for_each: {tag: [1, 2, 3]}}
          a: {type: trebled, for_each: {value: $use}}
          c: {type: add, for_each: {a: $a}}
    """
    plan = planned(text)
    order = [step.node.path for step in plan.steps]
    assert order[:6] == ["use[0]", "use[1]", "use[2]", "a[0]", "a[1]", "a[2]"]
    assert plan.batches == (range(3, 6),)
    assert sum(len(parts) for parts in plan.lifetimes.loads.values()) == 2


def test_steps_with_a_reason_are_named_and_computed_alone():
    text = "nodes: {a: {type: trebled, shy: true, for_each: {value: [1, 2]}}}"
    plan = planned(text)
    assert not plan.batches
    assert plan.alone == {"a[0]/treble": "it is shy", "a[1]/treble": "it is shy"}
    assert planned(text, 1).alone == {}


def sized(size, batch="auto", **more):
    text = f"nodes: {{a: {{type: trebled, size: {size}, for_each: {{value: [{', '.join(map(str, range(70)))}]}}}}}}"
    groups = grouped(text, batch, **more)
    return max((len(group.split()) for group in groups), default=1)


def test_on_a_cpu_auto_groups_up_to_sixteen_small_steps():
    assert sized(batch_size.SMALL) == 16
    assert sized(batch_size.SMALL + 1) == 1
    assert sized(0) == 1


def test_auto_takes_a_power_of_two_within_the_memory_budget():
    # The model needs 10 bytes.
    assert sized(10, budget=10 + 79) == 4
    assert sized(10, budget=10 + 80) == 8
    assert sized(10, budget=15) == 1


@pytest.mark.parametrize(("memory", "size"), [(10_000, 64), (150, 8), (20, 1), (0, 1)])
def test_on_a_gpu_auto_takes_what_its_memory_allows(monkeypatch, memory, size):
    # 0.8 of it, less the 10 bytes of the model.
    monkeypatch.setattr(batch_size, "gpu_memory", lambda device: memory)
    assert sized(10, device="cuda") == size


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs_are_grouped_without_circles(data):
    count = data.draw(st.integers(1, 12))
    lines = []
    for number in range(count):
        reads = f"$n{data.draw(st.integers(0, number - 1))}" if number and data.draw(st.booleans()) else str(number)
        lines.append(f"  n{number}: {{type: trebled, value: {reads}, model: {data.draw(st.sampled_from('ab'))}}}")
    plan = planned("nodes:\n" + "\n".join(lines), data.draw(st.integers(2, 4)))
    assert len(plan.steps) <= count  # equal ones are merged
    for number, step in enumerate(plan.steps):
        assert all(producer < number for producer in step.reads)
    for batch, after in itertools.pairwise(plan.batches):
        assert batch.stop <= after.start
    for batch in plan.batches:
        steps = plan.steps[batch.start : batch.stop]
        assert len({next(iter(step.uses.values())).identity for step in steps}) == 1
        assert not any(step.reads.keys() & set(batch) for step in steps)


def test_a_batched_form_has_the_arguments_of_its_step():
    def together(value: list[int]) -> list[int]:
        return value

    def alone(value: int, *, by: int) -> int:
        return value * by

    alone.__qualname__ = "alone"
    with pytest.raises(gf.DefinitionError, match="its arguments are not those of alone; they differ in by"):
        step_function(gf.step(environment="pure", batched=together)(alone))


def test_plans_with_other_batches_are_not_equal():
    assert planned(ITEMS, 2) == planned(ITEMS, 2)
    assert planned(ITEMS, 2) != planned(ITEMS, 3)
