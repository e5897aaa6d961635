"""for_each: one node for each item of a list. A test for each sentence of the format's description."""

import pytest

import graphflow as gf
from tests.plan.toys import codes, graph, paths, run


def problem(text):
    (found,) = graph(text).check().problems
    return found


def test_a_map_gives_a_param_each_value_of_a_list():
    assert run("nodes: {n: {type: number, for_each: {value: [3, 1, 2]}}}")["n"] == (3, 1, 2)


def test_a_map_gives_a_port_each_value_of_a_list():
    assert run("nodes: {n: {type: add, plus: 10, for_each: {a: [3, 1]}}}")["n"] == (13, 11)


def test_the_other_keys_are_the_same_for_every_item():
    text = "nodes: {m: {type: number, value: 5}, n: {type: add, a: $m, for_each: {plus: [1, 2]}}}"
    assert run(text)["n"] == (6, 7)


def test_lists_of_one_map_are_zipped():
    assert run("nodes: {n: {type: add, for_each: {a: [1, 2, 3], plus: [10, 20, 30]}}}")["n"] == (11, 22, 33)


def test_zipped_lists_of_different_lengths_are_a_problem():
    found = problem("nodes: {n: {type: add, for_each: {a: [1, 2, 3], plus: [10, 20]}}}")
    assert found.code == "for-each-length"
    assert found.why == "a has 3, plus has 2"


def test_a_list_of_maps_is_their_product_with_the_last_fastest():
    text = "nodes: {n: {type: add, for_each: [{a: [1, 2]}, {plus: [10, 20, 30]}]}}"
    assert run(text)["n"] == (11, 21, 31, 12, 22, 32)


def test_a_map_of_a_product_may_zip():
    text = "nodes: {n: {type: add, for_each: [{a: [1, 2], b: [5, 6]}, {plus: [10, 20]}]}}"
    assert run(text)["n"] == (16, 26, 18, 28)


def test_in_the_plan_items_have_numbers():
    assert paths("nodes: {fill: {type: number, for_each: {value: [8, 9]}}}") == ["fill[0]", "fill[1]"]


def test_every_item_has_its_own_key():
    steps = graph("nodes: {n: {type: number, for_each: {value: [8, 9]}}}").plan().steps
    assert len({step.key for step in steps}) == 2


def test_every_item_has_its_own_events():
    events = []
    run("nodes: {n: {type: number, for_each: {value: [8, 9]}}}", on_event=events.append)
    assert [e.step for e in events if type(e).__name__ == "StepFinished"] == ["n[0]", "n[1]"]


def test_every_item_has_its_own_failure():
    @gf.node()
    def half(value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value // 2

    text = """
        nodes:
          n: {type: half, for_each: {value: [4, 3, 2]}}
          m: {type: add, for_each: {a: $n}}
          last: {type: add, a: '$n[2]'}
        outputs: {first: '$m[0]', all: $m, last: $last}
    """
    from tests.plan.toys import CATALOG

    with pytest.raises(gf.RunFailed) as caught:
        gf.run(graph(text, catalog=CATALOG.extended(half)))
    result = caught.value.result
    assert list(result.failed) == ["n[1]"]
    assert result.not_run == {"m[1]": "n[1] failed"}
    assert result.outputs == {"first": 2, "last": 1}
    assert result.partial == {"all": {0: 2, 2: 1}}
    assert result.missing == {"all": {1: "n[1] failed"}}


def test_outputs_become_lists():
    text = """
        nodes:
          n: {type: digits, for_each: {value: [12, 34]}}
          sum: {type: total, values: $n.ones}
        outputs: {tens: $n, ones: $n.ones, sum: $sum}
    """
    assert run(text).outputs == {"tens": (1, 3), "ones": (2, 4), "sum": 6}


def test_an_item_of_an_output_is_one_value():
    text = "nodes: {n: {type: number, for_each: {value: [8, 9]}}, m: {type: add, a: '$n[1]'}}"
    assert run(text)["m"] == 9


def test_an_index_outside_the_list_is_a_problem():
    found = problem("nodes: {n: {type: number, for_each: {value: [8, 9]}}, m: {type: add, a: '$n[2]'}}")
    assert (found.code, found.fix) == ("bad-index", "use an index from 0 to 1")


def test_a_list_into_a_single_port_is_a_problem_with_the_fix():
    found = problem("nodes: {n: {type: number, for_each: {value: [8, 9]}}, m: {type: add, a: $n}}")
    assert found.code == "list-to-single"
    assert "$n[0]" in found.fix
    assert "for_each" in found.fix


@pytest.mark.parametrize(
    ("each", "labels"),
    [
        ("{by: [0.6]}", ("by 0.6",)),
        ("{by: [0.6, 2.5], name: [a, b]}", ("by 0.6, name a", "by 2.5, name b")),
        ("[{by: [1, 2]}, {name: [x]}]", ("by 1.0, name x", "by 2.0, name x")),
        ("{by: $factors}", ("by 0.5",)),
    ],
)
def test_labels_say_what_each_item_sets(each, labels):
    text = f"""
        inputs: {{factors: {{type: list of float, default: [0.5]}}}}
        nodes: {{n: {{type: scale, value: 2, for_each: {each}}}}}
        outputs: {{labels: $n.labels}}
    """
    assert graph(text).plan().checked.outputs
    assert run(text)["labels"] == labels


def test_labels_serve_captions():
    text = """
        nodes:
          n: {type: paint, for_each: {shade: [7, 8]}}
          all: {type: sheet, images: $n, captions: $n.labels}
    """
    assert run(text)["all"] == "7:shade 7 8:shade 8"


def test_labels_of_picture_files_are_their_names(tmp_path):
    gf.Image(bytes(12), 2, 2).save(tmp_path / "one.png")
    gf.Image(bytes(12), 2, 2).save(tmp_path / "two.png")
    text = "nodes: {n: {type: invert, for_each: {image: [one.png, two.png]}}}\noutputs: {labels: $n.labels}"
    assert run(text, tmp_path)["labels"] == ("image one", "image two")


def test_without_for_each_there_are_no_labels():
    found = problem("nodes: {n: {type: number}, m: {type: say, text: $n.labels}}")
    assert found.code == "unknown-output"
    assert "for_each" in found.why


@pytest.mark.parametrize("value", ["[]", "$none"])
def test_an_empty_list_gives_empty_lists(value):
    result = run(f"""
        inputs: {{none: {{type: list of int, default: []}}}}
        nodes:
          n: {{type: digits, for_each: {{value: {value}}}}}
          sum: {{type: total, values: $n}}
          more: {{type: add, for_each: {{a: $n.ones}}}}
        outputs: {{tens: $n, labels: $n.labels, sum: $sum, more: $more}}
    """)
    assert result.outputs == {"tens": (), "labels": (), "sum": 0, "more": ()}
    assert result.executed == ["sum"]


def test_an_empty_factor_empties_the_product():
    assert run("nodes: {n: {type: add, for_each: [{a: [1, 2]}, {plus: []}]}}")["n"] == ()


def test_a_list_may_be_an_input():
    text = "inputs: {xs: {type: list of int, default: [1]}}\nnodes: {n: {type: number, for_each: {value: $xs}}}"
    assert run(text, inputs={"xs": [4, 5]})["n"] == (4, 5)


def test_a_list_may_mix_values_and_references_which_are_spliced():
    text = """
        inputs: {xs: {type: list of int, default: [7, 8]}}
        nodes:
          one: {type: number, value: 3}
          n: {type: add, for_each: {a: [1, $xs, $one]}}
    """
    assert run(text)["n"] == (1, 7, 8, 3)


def test_a_for_each_over_a_for_each_chains_item_by_item():
    text = """
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: add, plus: 10, for_each: {a: $n}}
          k: {type: add, plus: 100, for_each: {a: $m}}
        outputs: {k: $k}
    """
    result = run(text)
    assert result["k"] == (111, 112)
    assert set(result.executed) == {f"{name}[{item}]" for name in "nmk" for item in (0, 1)}


def test_one_item_of_a_chain_needs_one_item_of_every_node():
    assert paths("""
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: add, plus: 10, for_each: {a: $n}}
        outputs: {last: '$m[1]'}
    """) == ["n[1]", "m[1]"]  # fmt: skip


def test_labels_can_be_params_of_the_next_for_each():
    text = """
        nodes:
          n: {type: scale, value: 2, for_each: {by: [1, 2]}}
          m: {type: scale, value: 1, for_each: {name: $n.labels}}
        outputs: {labels: $m.labels}
    """
    assert run(text)["labels"] == ("name by 1.0", "name by 2.0")


def test_a_product_over_nodes_runs_every_pair():
    text = """
        nodes:
          n: {type: number, for_each: {value: [1, 2]}}
          m: {type: number, for_each: {value: [10, 20]}}
          both: {type: add, for_each: [{a: $n}, {b: $m}]}
        outputs: {both: $both}
    """
    assert run(text)["both"] == (11, 21, 12, 22)


def test_the_length_must_be_known_before_the_run():
    found = problem("nodes: {many: {type: count_to, last: 3}, n: {type: add, for_each: {a: $many}}}")
    assert found.code == "for-each-unknown"


def test_a_nodes_output_is_no_value_of_a_param_in_for_each():
    text = "nodes: {a: {type: number, for_each: {value: [1]}}, n: {type: add, a: 1, for_each: {plus: $a}}}"
    assert codes(text) == ["param-needs-value"]


def test_there_are_no_lists_of_lists_as_outputs():
    found = problem("nodes: {n: {type: count_to, for_each: {last: [1, 2]}}}")
    assert (found.code, found.message) == ("nested-list", "n.ints would be a list of lists")


def test_there_are_no_lists_of_lists_as_items():
    assert codes("nodes: {n: {type: total, for_each: {values: [[1], [2]]}}}") == ["nested-list"]
    assert codes("nodes: {n: {type: number, for_each: {value: [1, [2]]}}}") == ["nested-list"]


@pytest.mark.parametrize(
    ("each", "code"),
    [
        ("3", "for-each-shape"),
        ("{value: 3}", "for-each-shape"),
        ("[]", "for-each-shape"),
        ("{}", "for-each-shape"),
        ("[[1]]", "for-each-shape"),
        ("{valu: [3]}", "unknown-key"),
        ("[{value: [1]}, {value: [2]}]", "for-each-shape"),
        ("{value: [1, many]}", "bad-value"),
    ],
)
def test_what_is_no_map_of_lists_is_a_problem(each, code):
    assert codes(f"nodes: {{n: {{type: number, for_each: {each}}}}}") == [code]


@pytest.mark.parametrize(
    "each",
    ["3", "[]", "{a: 3}", "{a: [x]}", "{a: [1], plus: [1, 2]}", "{aa: [1]}", "{a: $many}", "[{a: [1]}, {a: [2]}]"],
)
def test_a_wrong_for_each_is_one_problem_and_its_readers_are_none(each):
    text = f"""
        nodes:
          many: {{type: count_to, last: 3}}
          n: {{type: add, b: 1, for_each: {each}}}
          one: {{type: add, a: '$n[0]'}}
          all: {{type: total, values: $n}}
          next: {{type: add, for_each: {{a: $n}}}}
          words: {{type: join, words: $n.labels}}
    """
    assert len([code for code in codes(text) if code != "missing-value"]) == 1


def test_a_key_is_given_once():
    assert codes("nodes: {n: {type: number, value: 1, for_each: {value: [1]}}}") == ["for-each-shape"]


def test_the_default_output_is_the_list_too():
    result = run("nodes: {n: {type: number, for_each: {value: [1, 2]}}, m: {type: total, values: $n}}")
    assert result.outputs == {"m": 3}


def test_for_each_works_in_a_template_over_its_input(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "graphflow: 1\ninputs: {xs: {type: list of int}}\n"
        "nodes: {n: {type: add, plus: 1, for_each: {a: $xs}}, s: {type: total, values: $n}}\noutputs: {s: $s}\n"
    )
    text = """
        nodes:
          one: {type: number, for_each: {value: [5, 6]}}
          p: {template: t.yaml, xs: $one}
    """
    result = run(text, tmp_path)
    assert result["p"] == 13
    assert result.executed[-3:] == ["p/n[0]", "p/n[1]", "p/s"]


def test_a_template_with_an_inner_for_each_gives_no_list_of_lists(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "graphflow: 1\ninputs: {a: {type: int}}\n"
        "nodes: {n: {type: number, for_each: {value: [1, 2]}}, m: {type: add, a: $a}}\noutputs: {n: $n, m: $m}\n"
    )
    found = [p.code for p in graph("nodes: {p: {template: t.yaml, for_each: {a: [1]}}}", tmp_path).check().problems]
    assert found == ["nested-list"]
