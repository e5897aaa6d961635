"""When values are done with, when components come and go, and how much they take at most."""

from graphflow.plan.plan import Plan
from tests.plan.toys import graph


def readers(plan: Plan) -> dict[str, int]:
    return {step.path: count for step, count in zip(plan.steps, plan.lifetimes.readers, strict=True)}


def loads(plan: Plan) -> dict[str, list[str]]:
    """Path of the step → identities of what is loaded for it."""
    return {plan.steps[n].path: [c.identity for c in found] for n, found in plan.lifetimes.loads.items()}


def drops(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {plan.steps[n].path: found for n, found in plan.lifetimes.drops.items()}


def test_readers_are_steps_and_graph_outputs():
    plan = graph("""
        nodes:
          a: {type: number}
          b: {type: add, a: $a}
          c: {type: add, a: $a, b: $b}
        outputs: {c: $c, a: $a, again: $a}
    """).plan()
    assert readers(plan) == {"a": 4, "b": 1, "c": 1}


def test_a_step_that_reads_a_value_twice_is_one_reader():
    plan = graph("nodes: {a: {type: number}, b: {type: add, a: $a, b: $a}}").plan()
    assert readers(plan) == {"a": 1, "b": 1}


def test_readers_of_merged_steps_are_added_up():
    plan = graph("""
        nodes:
          a: {type: number}
          b: {type: number}
          c: {type: add, a: $a}
          d: {type: add, a: $b, plus: 1}
    """).plan()
    assert readers(plan) == {"a": 2, "c": 1, "d": 1}


def test_readers_inside_lists_items_and_texts_count():
    plan = graph("""
        nodes:
          many: {type: count_to, last: 3}
          one: {type: add, a: '$many[1]'}
          all: {type: total, values: [$many.ints, $one]}
          text: {type: say, text: 'one is $one'}
        outputs: {all: $all, text: $text}
    """).plan()
    assert readers(plan) == {"many": 2, "one": 2, "all": 1, "text": 1}


CHAIN = """
    nodes:
      p: {type: use, model: a}
      q: {type: use, model: b, values: [$p]}
      r: {type: use, model: a, values: [$q]}
      s: {type: use, model: c, values: [$r]}
"""


def test_a_component_is_loaded_by_its_first_step_and_dropped_after_its_last():
    plan = graph(CHAIN).plan()
    assert loads(plan) == {"p": ["unet a"], "q": ["unet b"], "s": ["unet c"]}
    assert drops(plan) == {"q": ("unet b",), "r": ("unet a",), "s": ("unet c",)}


def test_the_peak_is_the_most_that_is_held_at_once():
    # a and b are there together: 10 + 20 bytes; then c alone: 30 bytes.
    assert graph(CHAIN).plan().lifetimes.peak == 30
    # Here all three are.
    everything = """
        nodes:
          p: {type: use, model: a}
          q: {type: use, model: b, values: [$p]}
          r: {type: use, model: c, values: [$q]}
          s: {type: use, model: a, values: [$r]}
          t: {type: use, model: b, values: [$s]}
    """
    assert graph(everything).plan().lifetimes.peak == 60


def test_a_component_is_held_from_its_first_step_to_its_last():
    assert graph(CHAIN).plan().lifetimes.held == (10, 30, 10, 30)


def test_components_of_a_stage_belong_to_its_steps():
    plan = graph("""
        nodes:
          first: {type: sketch, prompt: a star}
          second: {type: polish, raw: $first.raw, prompt: a stone}
        outputs: {image: $second}
    """).plan()
    assert loads(plan) == {"first/encode": ["text encoder"], "first/work": ["unet a"], "second/work": ["unet b"]}
    assert drops(plan) == {"second/encode": ("text encoder",), "first/work": ("unet a",), "second/work": ("unet b",)}
    assert plan.lifetimes.peak == 20


def test_a_step_that_is_not_planned_loads_nothing():
    plan = graph("""
        nodes:
          first: {type: sketch, prompt: a star}
          dead: {type: sketch, prompt: a star, model: c}
        outputs: {image: $first}
    """).plan()
    assert [identity for found in loads(plan).values() for identity in found] == ["text encoder", "unet a"]


def test_without_components_nothing_is_held():
    assert graph("nodes: {a: {type: number}}").plan().lifetimes.peak == 0
