"""Seeds: the run's, given ones, and ones derived from the run's seed and the node's path."""

import hashlib

import pytest

from graphflow.check.alone import checked_alone
from tests.plan.toys import codes, graph, run


def derived(run_seed: int, path: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{run_seed}/{path}".encode()).digest()[:4], "big")


def test_a_seed_that_is_given_is_used():
    assert run("nodes: {n: {type: roll, seed: 7}}", seed=3)["n"] == 7


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_a_seed_that_is_not_given_is_the_first_four_bytes_of_the_digest_of_seed_and_path(seed):
    assert run("nodes: {n: {type: roll}}", seed=seed)["n"] == derived(seed, "n")


def test_the_runs_seed_is_zero_by_default():
    assert run("nodes: {n: {type: roll}}")["n"] == derived(0, "n")


def test_a_known_value():
    # The format promises it, so it must never change.
    assert derived(0, "fill") == run("nodes: {fill: {type: roll}}")["fill"] == 3228782474


def test_items_of_a_for_each_share_their_seed():
    text = "nodes: {n: {type: seeded, for_each: {tag: [1, 2, 3]}}}"
    import graphflow as gf
    from tests.plan.toys import CATALOG

    @gf.node()
    def seeded(*, tag: int, seed: gf.Seed) -> int:
        return seed

    result = gf.run(graph(text, catalog=CATALOG.extended(seeded)))
    assert result["n"] == (derived(0, "n"),) * 3


def test_seeds_can_be_items():
    assert run("nodes: {n: {type: roll, for_each: {seed: [4, 5]}}}")["n"] == (4, 5)


def test_the_path_of_a_template_has_no_item_index_either(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "graphflow: 1\ninputs: {x: {type: int}}\nnodes: {n: {type: roll}, m: {type: add, a: $n, plus: $x}}\n"
        "outputs: {n: $n, m: $m}\n"
    )
    text = "nodes: {p: {template: t.yaml, for_each: {x: [1, 2]}}, q: {template: t.yaml, x: 1}}"
    result = run(text + "\noutputs: {p: $p.n, q: $q.n}", tmp_path)
    assert result["p"] == (derived(0, "p/n"),) * 2
    assert result["q"] == derived(0, "q/n")


def test_the_same_document_and_inputs_give_the_same_values():
    text = "nodes: {a: {type: roll}, b: {type: roll}}"
    assert run(text, seed=5).outputs == run(text, seed=5).outputs
    assert run(text, seed=5).outputs != run(text, seed=6).outputs


def test_the_result_names_the_runs_seed():
    assert run("nodes: {a: {type: number}}", seed=5).seed == 5


@pytest.mark.parametrize("value", ["-1", "18446744073709551616", "1.5"])
def test_a_seed_is_a_whole_number_that_a_generator_takes(value):
    assert codes(f"nodes: {{n: {{type: roll, seed: {value}}}}}") == ["bad-value"]


ALONE = """
templates:
  dice:
    inputs: {seed: {type: int, default: 5}, side: {type: int, default: 0}}
    nodes:
      given: {type: roll, seed: $seed}
      own: {type: roll}
      sum: {type: add, a: $own, plus: $side}
    outputs: {given: $given, own: $own, sum: $sum}
"""


def test_a_template_with_run_seed_is_like_a_graph_of_its_own():
    result = run(ALONE + "nodes: {p: {template: dice, run_seed: 8}}\noutputs: {own: $p.own, given: $p.given}", seed=3)
    assert result.outputs == {"own": derived(8, "own"), "given": 8}


def test_a_run_seed_can_come_from_an_input_and_does_not_replace_a_seed_that_is_given():
    text = "inputs: {seed: {type: int, default: 2}}\n" + ALONE
    text += "nodes: {p: {template: dice, run_seed: $seed, seed: 1}}\noutputs: {own: $p.own, given: $p.given}"
    assert run(text).outputs == {"own": derived(2, "own"), "given": 1}
    assert run(text, seed=6).outputs == {"own": derived(6, "own"), "given": 1}


def test_run_seeds_can_be_items():
    text = ALONE + "nodes: {p: {template: dice, for_each: {run_seed: [8, 9]}}}\noutputs: {own: $p.own, l: $p.labels}"
    assert run(text).outputs == {"own": (derived(8, "own"), derived(9, "own")), "l": ("seed 8", "seed 9")}


def test_an_input_seed_without_default_needs_no_other_value():
    text = ALONE.replace("seed: {type: int, default: 5}", "seed: {type: int}")
    assert run(text + "nodes: {p: {template: dice, run_seed: 8}}\noutputs: {given: $p.given}")["given"] == 8


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ("{type: roll, run_seed: 3}", "unknown-key"),
        ("{template: dice, run_seed: x}", "bad-value"),
        ("{template: dice, run_seed: -1}", "bad-value"),
        ("{template: dice, run_seed: 18446744073709551616}", "bad-value"),
        ("{template: dice, run_seed: $n}", "param-needs-value"),
        ("{template: dice, run_seed: 1, for_each: {run_seed: [1]}}", "for-each-shape"),
        ("{template: dice, for_each: {run_seed: [-1]}}", "bad-value"),
    ],
)
def test_wrong_run_seeds_are_problems(node, code):
    assert codes(ALONE + f"nodes: {{n: {{type: number}}, m: {{type: add, a: $n}}, p: {node}}}") == [code]


def test_each_use_of_a_template_with_known_inputs_and_run_seed_can_run_alone():
    text = (
        ALONE
        + """nodes:
  p: {template: dice, run_seed: 8, for_each: {side: [1, 2]}}
  q: {template: dice, run_seed: 8, side: 1}
  r: {template: dice}
outputs: {sums: $p.sum, q: $q.given, r: $r.sum}
"""
    )
    checked = graph(text).check()
    assert [name for name, source in checked.outputs.items() if source in checked.alone] == ["q"]
    (first, second) = (checked.alone[item] for item in checked.outputs["sums"].items)
    assert (first.output, second.output) == ("sum", "sum")
    alone = checked_alone(second.graph, checked)
    assert alone.ok
    assert (alone.seed, alone.inputs) == (8, {"seed": 8, "side": 2})
    assert [node.path for node in alone.nodes] == ["given", "own", "sum"]


def test_labels_name_the_seed_of_a_run_beside_the_templates_own():
    text = """
templates:
  inner:
    inputs: {seed: {type: int, default: 3}}
    nodes: {n: {type: roll, seed: $seed}}
    outputs: {n: $n}
nodes:
  both: {template: inner, for_each: {run_seed: [1, 2], seed: [8, 9]}}
  one: {template: inner, for_each: {run_seed: [1, 2]}}
outputs: {both: $both.labels, one: $one.labels}
"""
    made = run(text)
    assert made["both"] == ("run_seed 1, seed 8", "run_seed 2, seed 9")
    assert made["one"] == ("seed 1", "seed 2")
