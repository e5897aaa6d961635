"""The order of steps: the first ready one that needs no load, else the first of the document.

Graphs are drawn left to right; a letter in brackets is the model that a node borrows.
"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow.plan.order import AHEAD
from tests.plan.toys import CATALOG, graph


def order(nodes: dict[str, tuple[str, str | list[str]]], names: dict[str, str] | None = None) -> str:
    """The order of nodes given as name → (model, names of what they read); names may be replaced."""
    names = names or {name: name for name in nodes}
    lines = [
        f"  {names[name]}: {{type: use, model: '{model}', tag: {tag}, "
        f"values: [{', '.join('$' + names[read] for read in reads)}]}}"
        for tag, (name, (model, reads)) in enumerate(nodes.items())
    ]
    back = {new: old for old, new in names.items()}
    plan = graph("nodes:\n" + "\n".join(lines)).plan()
    return " ".join(back[step.path] for step in plan.steps)


CHAIN_AND_LEAVES = {
    #   p(a) ─ q(b) ─ r(a)
    #   s(b)
    "p": ("a", ""),
    "q": ("b", "p"),
    "r": ("a", "q"),
    "s": ("b", ""),
}
FAN = {
    #   p(a) ┐
    #   q(b) ┼ t
    #   r(a) ┘
    "p": ("a", ""),
    "q": ("b", ""),
    "r": ("a", ""),
    "t": ("", "pqr"),
}
READERS_FIRST = {
    #   t ─ p(b)
    #   q(a), r
    "p": ("b", "t"),
    "q": ("a", ""),
    "r": ("", ""),
    "t": ("", ""),
}
TWO_STAGES = {
    #   p(a) ─ q(b)
    #   r(a) ─ s(b)
    "p": ("a", ""),
    "q": ("b", "p"),
    "r": ("a", ""),
    "s": ("b", "r"),
}


def test_document_order_where_nothing_is_loaded():
    assert order(dict.fromkeys("rqp", ("", ""))) == "r q p"


def test_a_producer_runs_before_its_reader_wherever_it_is_written():
    assert order({"p": ("", "q"), "q": ("", "r"), "r": ("", "")}) == "r q p"


def test_what_needs_no_load_runs_before_what_does():
    # p is written first, but q can run without waiting for a load.
    assert order({"p": ("a", ""), "q": ("", "")}) == "q p"


def test_what_uses_a_loaded_model_runs_before_another_is_loaded():
    # r borrows what p has loaded, so q's model comes later.
    assert order(FAN) == "p r q t"


def test_all_of_one_model_before_the_next_stage():
    # Both sketches, then both polishes: each model is loaded once and never twice.
    assert order(TWO_STAGES) == "p r q s"


def test_among_steps_that_all_need_a_load_the_first_of_the_document_runs():
    # When r and t are done, p is ready and comes before q in the document.
    assert order(READERS_FIRST) == "r t p q"


def test_a_model_stays_loaded_for_the_order():
    # q loads b; then r (a is there already) and s (b is) both need no load: r is written first.
    assert order(CHAIN_AND_LEAVES) == "p q r s"


@pytest.mark.parametrize("nodes", [CHAIN_AND_LEAVES, FAN, READERS_FIRST, TWO_STAGES])
@pytest.mark.parametrize("new", list(itertools.permutations(["za", "m", "b1", "q"]))[::5])
def test_order_ignores_node_names(nodes, new):
    assert order(nodes, dict(zip(nodes, new, strict=True))) == order(nodes)


def test_steps_of_a_stage_take_its_place():
    plan = graph("""
        nodes:
          two: {type: sketch, prompt: x}
          one: {type: number}
          three: {type: sketch, prompt: y}
        outputs: {a: $two, b: $one, c: $three}
    """).plan()
    assert [step.path for step in plan.steps] == [
        "one",  # needs no load
        "two/encode",
        "three/encode",  # the text encoder is there
        "two/work",
        "two/show",
        "three/work",
        "three/show",
    ]


def test_items_of_a_for_each_keep_their_order_past_ten():
    plan = graph("nodes: {n: {type: number, for_each: {value: [5, 4, 3, 2, 1, 0, 9, 8, 7, 6, 12, 11]}}}").plan()
    assert [step.path for step in plan.steps] == [f"n[{item}]" for item in range(12)]


@st.composite
def mixed(draw):
    """A graph of up to 12 nodes, written in any order, each with a model or none."""
    written = draw(st.permutations([f"n{i}" for i in range(draw(st.integers(1, 12)))]))
    ranks = sorted(written)
    nodes = {}
    for name in written:
        earlier = ranks[: ranks.index(name)]
        reads = draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
        nodes[name] = (draw(st.sampled_from(["", "a", "b", "c"])), reads)
    return nodes


def by_the_rule(nodes: dict[str, tuple[str, list[str]]]) -> str:
    """The rule as it is said, in quadratic time."""
    loaded, done = {""}, []
    while len(done) < len(nodes):
        ready = [name for name, (_, reads) in nodes.items() if name not in done and set(reads) <= set(done)]
        done.append(next((name for name in ready if nodes[name][0] in loaded), ready[0]))
        loaded.add(nodes[done[-1]][0])
    return " ".join(done)


@settings(deadline=None, max_examples=60)
@given(mixed())
def test_the_order_of_any_graph_follows_the_rule(nodes):
    assert order(nodes) == by_the_rule(nodes)


# Items of lists


@gf.step(environment="pure")
def raw(*, tag: int, context: gf.Context) -> int:
    context.borrow("unet")
    return tag


@gf.step(environment="pure")
def decoded(value: int, context: gf.Context) -> int:
    context.borrow("vae")
    return value


def stage_of(sizes: dict[str, int]):
    """A node type whose steps are `raw` and `decoded`, with components of these sizes."""

    def plan(facts, params, checkpoints, wanted):
        unet, vae = (gf.Component(name, sizes[name], name) for name in ("unet", "vae"))
        steps = (
            gf.Step("raw", raw, {}, {"tag": params["tag"]}, uses={"unet": unet}),
            gf.Step("decoded", decoded, {"value": "raw.int"}, {}, {"int": "int"}, {"vae": vae}),
        )
        return gf.Planned(steps=steps)

    @gf.node(plan=plan)
    def stage(*, tag: int) -> int:
        raise NotImplementedError("its steps run instead")

    return stage


def order_of_items(vae: int, **options) -> list[str]:
    text = "nodes: {p: {type: stage, for_each: {tag: [1, 2]}}, n: {type: number}}\noutputs: {p: $p, n: $n}"
    catalog = CATALOG.extended(stage_of({"unet": 10, "vae": vae}))
    return [step.path for step in graph(text, catalog=catalog).plan(**options).steps]


def test_an_item_is_finished_before_the_next_one_if_that_takes_a_small_component():
    assert order_of_items(AHEAD) == ["n", "p[0]/raw", "p[0]/decoded", "p[1]/raw", "p[1]/decoded"]


def test_a_large_component_is_not_loaded_before_its_turn():
    assert order_of_items(AHEAD + 1) == ["n", "p[0]/raw", "p[1]/raw", "p[0]/decoded", "p[1]/decoded"]


def test_components_that_do_not_fit_the_budget_together_are_loaded_one_after_the_other():
    assert order_of_items(10, memory_budget=19) == ["n", "p[0]/raw", "p[1]/raw", "p[0]/decoded", "p[1]/decoded"]
    assert order_of_items(10, memory_budget=20) == order_of_items(10)


def test_an_item_goes_through_several_nodes_before_the_next_one():
    plan = graph("""
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: add, plus: 1, for_each: {a: $n}}
          all: {type: total, values: $m}
        outputs: {all: $all, m: $m}
    """).plan()
    assert [step.path for step in plan.steps] == ["n[0]", "m[0]", "n[1]", "m[1]", "all"]


def test_the_order_of_a_graph_without_lists_among_its_outputs_is_that_of_the_document():
    plan = graph("""
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: add, plus: 1, for_each: {a: $n}}
          all: {type: total, values: $m}
        outputs: {all: $all}
    """).plan()
    assert [step.path for step in plan.steps] == ["n[0]", "n[1]", "m[0]", "m[1]", "all"]
