"""Seeds: the run's, given ones, and ones derived from the run's seed and the node's path."""

import hashlib

import pytest

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
