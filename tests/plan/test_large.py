"""Depth and length cost no Python frames."""

import gc
import sys

import graphflow as gf
from graphflow.plan.plan import plan
from tests.plan.toys import built, graph

DEEP = 10_000


def chain(count: int) -> str:
    lines = ["  n0: {type: number}"]
    lines += [f"  n{i}: {{type: add, a: $n{i - 1}, plus: 1}}" for i in range(1, count)]
    return "nodes:\n" + "\n".join(lines) + f"\noutputs: {{end: $n{count - 1}}}"


def test_a_chain_of_ten_thousand_nodes_is_planned_and_run():
    assert sys.getrecursionlimit() < DEEP
    plan = graph(chain(DEEP)).plan()
    assert len(plan.steps) == DEEP
    assert gf.run(plan)["end"] == DEEP


def test_a_chain_written_from_its_end_is_planned():
    lines = [f"  n{i}: {{type: add, a: $n{i - 1}, plus: {i}}}" for i in range(2_000, 0, -1)]
    plan = graph("nodes:\n" + "\n".join(lines) + "\n  n0: {type: number}\noutputs: {end: $n2000}").plan()
    assert plan.steps[0].path == "n0"
    assert plan.steps[-1].path == "n2000"


def test_a_long_chain_is_built_in_python_and_compared():
    def chained():
        g = built()
        last = g.add("number")
        for amount in range(2_000):
            last = g.add("add", id=f"n{amount}", a=last, plus=amount)
        g.output(end=last)
        return g

    assert chained() == chained()
    assert chained().plan() == chained().plan()


def test_templates_inside_each_other_a_hundred_deep(tmp_path):
    (tmp_path / "t0.yaml").write_text(
        "graphflow: 1\ninputs: {v: {type: int}}\nnodes: {n: {type: add, a: $v, plus: 1}}\noutputs: {v: $n}\n"
    )
    for depth in range(1, 100):
        (tmp_path / f"t{depth}.yaml").write_text(
            "graphflow: 1\ninputs: {v: {type: int}}\n"
            f"nodes: {{n: {{template: ./t{depth - 1}.yaml, v: $v}}}}\noutputs: {{v: $n}}\n"
        )
    result = gf.run(graph("nodes: {n: {template: ./t99.yaml, v: 41}}\noutputs: {v: $n}", tmp_path))
    assert result["v"] == 42
    assert result.executed == ["/".join(["n"] * 101)]


def test_a_list_of_five_thousand_nodes_is_planned_and_run():
    lines = [f"  n{i}: {{type: number, value: {i}}}" for i in range(5_000)]
    listed = ", ".join(f"$n{i}" for i in range(5_000))
    plan = graph("nodes:\n" + "\n".join(lines) + f"\n  end: {{type: total, values: [{listed}]}}").plan()
    assert len(plan.lifetimes.readers) == 5_001
    assert gf.run(plan)["end"] == sum(range(5_000))


def test_a_plan_that_is_dropped_is_freed_without_the_collector():
    checked = graph(chain(50)).check()
    gc.collect()
    gc.disable()
    try:
        plan(checked)
        assert gc.collect() == 0
    finally:
        gc.enable()
